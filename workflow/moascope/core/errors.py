"""Errors and warnings that users see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from moascope.core.text.escaping import escape_controls


class RunWarning(TypedDict):
    """Warning of a run, as in summary.json."""

    id: str
    """Kind of the warning."""
    about: str
    """Key of the configuration, or name of the model, split, engine or plate."""
    text: str


class InputError(ValueError):
    """Something the user gave (a file, a row, a config key) cannot be used.

    The message names the place, the value and the fix. Control characters in it are escaped, since
    names of files and cells of sheets may hold commands to a terminal.

    Parameters
    ----------
    message : str
        The message; it may have several lines.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(escape_controls(message))

    @classmethod
    def collect(cls, problems: Sequence[str], heading: str, limit: int = 50) -> InputError:
        """Build one error that lists many problems.

        Parameters
        ----------
        problems : sequence of str
            One sentence each, at least one.
        heading : str
            What was being checked, for example the path of a sample sheet.
        limit : int
            How many problems are written out; the rest are counted.

        Returns
        -------
        InputError
            The error, to be raised by the caller. Further lines of a problem are indented, so that
            none can pass for a problem of its own.
        """
        shown = ["  - " + problem.replace("\n", "\n    ") for problem in problems[:limit]]
        if len(problems) > limit:
            shown.append(f"  ... and {len(problems) - limit} more of the same kind")
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        return cls("\n".join([f"{heading}: {count}", *shown]))


class ImageError(InputError):
    """An image file that cannot be read, or is not what the sheet says it is."""


class MissingImageError(ImageError):
    """An image file that is not there."""


class DamagedImageError(ImageError):
    """An image file that is damaged or incomplete, where others of its kind may be whole."""
