"""Names of plates.

Free of pandas on purpose: the workflow reads plate names each time a job starts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.screen.formats.registry import find_format

if TYPE_CHECKING:
    from moascope.screen.formats.image_folders import ImageFile
    from moascope.screen.options import Input

SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
SAFE_NAME_RULE = (
    "it becomes a file name: use letters, digits, '.', '_' and '-', not starting with '.' or '-'"
)


def plate_names(options: Input, files: Sequence[ImageFile] | None = None) -> list[str]:
    """List the plates of a screen without reading anything else.

    Parameters
    ----------
    options : Input
        The section `input`.
    files : sequence of ImageFile, optional
        Files of a folder, where it has been listed already.

    Returns
    -------
    list of str
        Sorted, each safe as a file name. Images without plates have parts instead.

    Raises
    ------
    InputError
        If there is no usable sheet or folder, or a plate name cannot be a file name.
    """
    names, source = find_format(options.format).reader.plate_names(options, files)
    names.discard("")
    if not names:
        raise InputError(f"{source}: no row names its plate; fill in the plates")
    unsafe = [
        f"plate {name!r}: {SAFE_NAME_RULE}"
        for name in sorted(names)
        if not SAFE_NAME.fullmatch(name)
    ]
    if unsafe:
        raise InputError.collect(unsafe, source)
    return sorted(names)
