"""The augmentations and their parameters. Free of TensorFlow, to check a config without it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from moascope.core.errors import InputError

PARAMETERS: dict[str, dict[str, tuple[float, float, float, str]]] = {
    "flip": {},
    "quarter_turn": {},
    "rotation": {"degrees": (180.0, 0.0, 180.0, "largest angle, to either side, in degrees")},
    "shift": {"fraction": (0.1, 0.0, 0.5, "largest shift per axis, as a fraction of the side")},
    "zoom": {"fraction": (0.1, 0.0, 0.5, "largest change of scale, in or out, as a fraction")},
    "shear": {"fraction": (0.1, 0.0, 0.5, "largest shear per axis, as a fraction of the side")},
    "channel_gain": {
        "fraction": (0.25, 0.0, 0.9, "largest change of a channel's intensity, as a fraction")
    },
    "blur": {
        "sigma": (1.0, 0.1, 5.0, "largest standard deviation of the Gaussian, in pixels"),
        "probability": (0.5, 0.0, 1.0, "share of the images that are blurred"),
    },
    "noise": {"sd": (0.02, 0.0, 0.5, "standard deviation of Gaussian noise, on the [0, 1] range")},
    "erase": {
        "probability": (0.5, 0.0, 1.0, "share of the images that lose a rectangle"),
        "area": (0.1, 0.01, 0.5, "largest area of the rectangle, as a fraction of the image"),
    },
}
"""For every augmentation: parameter -> (default, lowest, highest, description)."""


def validated(augmentations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Check a list of augmentations and fill in the defaults.

    Parameters
    ----------
    augmentations : sequence of mappings
        `{"name": ..., parameter: value, ...}`, in the order in which they are applied.

    Returns
    -------
    list of dict
        The same, every parameter present, as float.

    Raises
    ------
    InputError
        One error that lists all problems: unknown names and parameters, values out of range.
    """
    problems: list[str] = []
    complete = []
    for i, given in enumerate(augmentations):
        where = f"augmentation[{i}]"
        name = given.get("name")
        if name not in PARAMETERS:
            problems.append(f"{where}: there is no {name!r}. {_hint(name, PARAMETERS)}")
            continue
        table = PARAMETERS[name]
        chosen: dict[str, Any] = {"name": name, **{key: row[0] for key, row in table.items()}}
        for key, value in given.items():
            if key == "name":
                continue
            problem = _problem(key, value, table)
            if problem:
                problems.append(f"{where} ({name}): {problem}")
            else:
                chosen[key] = float(value)
        complete.append(chosen)
    if problems:
        raise InputError.collect(problems, "augmentation")
    return complete


def _problem(key: str, value: Any, table: Mapping[str, tuple[float, float, float, str]]) -> str:
    if key not in table:
        return f"it has no parameter {key!r}. {_hint(key, table)}"
    _, low, high, description = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return f"{key} is {value!r}; give a number from {low:g} to {high:g} ({description})."
    return ""


def _hint(word: Any, known: Mapping[str, Any]) -> str:
    if not known:
        return "It has none at all."
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
