"""Plates that segmentation engines are trained, tuned and scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moascope.core.errors import InputError
from moascope.core.text.suggestions import advise


def divide_plates(
    plates: Sequence[str], named: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> dict[str, list[str]]:
    """Divide plates into those that segmentation engines are trained, tuned and scored on.

    Parameters
    ----------
    plates : sequence of str
        All plates of the screen, in order.
    named : mapping of str to sequence of str
        Plates of the configuration for train, validation and test.
    needed : sequence of str
        Sets that must have plates; with given models only, that is test.

    Returns
    -------
    dict of str to list of str
        As named; if none is, the last quarter tests, the quarter before it validates, and the
        others train, with one plate each at least. Where nothing is trained, all plates test.

    Raises
    ------
    InputError
        For a plate that is not there or is named twice, a set without plates, or fewer than three
        plates to deal.
    """
    problems = []
    sets = {name: list(chosen) for name, chosen in named.items()}
    if any(sets.values()):
        places: dict[str, str] = {}
        for name, chosen in sets.items():
            key = f"segmentation.{name}_plates"
            if not chosen and name in needed:
                problems.append(f"{key}: no plate is named, while other sets have some")
            for plate in chosen:
                if plate not in plates:
                    problems.append(f"{key}: there is no plate {plate!r}; {advise(plate, plates)}")
                if plate in places:
                    problems.append(f"{key}: {plate!r} is also in {places[plate]}; choose one")
                places[plate] = key
    elif set(needed) == {"test"}:
        sets["test"] = list(plates)
    elif len(plates) < 3:
        problems.append(
            f"segmentation: {len(plates)} plates are too few for training, validation and test; "
            "set segmentation.annotated, or set input.columns.mask: null and a model for the "
            "engines"
        )
    else:
        quarter = max(1, len(plates) // 4)
        ends = len(plates) - 2 * quarter, len(plates) - quarter
        sets["train"] = list(plates[: ends[0]])
        sets["validation"] = list(plates[ends[0] : ends[1]])
        sets["test"] = list(plates[ends[1] :])
    if problems:
        raise InputError.collect(problems, "plates of the segmentation")
    return {name: chosen for name, chosen in sets.items() if chosen}
