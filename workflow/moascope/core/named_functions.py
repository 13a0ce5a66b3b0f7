"""Functions named in text, so that the modules that hold them are loaded only where needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def load_function(name: str) -> Callable[..., Any]:
    """Load the module of a function, and return the function.

    Parameters
    ----------
    name : str
        Module and function, such as `moascope.segmentation.implementations.unet:load`.

    Returns
    -------
    callable
        The function.
    """
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def module_of(name: str) -> str:
    """Return the dotted name of the module of a function that is named as `module:function`."""
    return name.partition(":")[0]
