"""Options of the section `ensembles`. Free of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from moascope.core.options import Name, Section
from moascope.core.text.suggestions import unknown

if TYPE_CHECKING:
    from moascope.classification.options import Model
    from moascope.splits.options import Split


class Ensemble(Section):
    """Models whose predictions are joined, and evaluated as those of a model."""

    members: list[Name] = Field(
        min_length=1,
        description="models of one split. Every repetition of the split is a voter, so that one "
        "model with `repeats: 5` makes an ensemble of five seeds",
    )
    combine: Literal["mean", "vote"] = Field(
        "mean",
        description="mean of the probabilities, or the class with most votes (ties go to the "
        "larger mean probability)",
    )


def problems_of_ensembles(
    ensembles: Mapping[str, Ensemble], models: Mapping[str, Model], splits: Mapping[str, Split]
) -> list[str]:
    """Return what is wrong with ensembles, given the models and the splits.

    Parameters
    ----------
    ensembles, models, splits : mapping
        Sections of the configuration, by name.

    Returns
    -------
    list of str
        One sentence per problem.
    """
    problems = []
    for name, ensemble in ensembles.items():
        key = f"ensembles.{name}"
        if name in models:
            problems.append(f"{key}: a model has this name too; rename one of the two")
        absent = [member for member in ensemble.members if member not in models]
        problems += [f"{key}.members: " + unknown("model", member, models) for member in absent]
        twice = sorted({each for each in ensemble.members if ensemble.members.count(each) > 1})
        problems += [f"{key}.members: {member!r} is named twice; remove one" for member in twice]
        if absent:
            continue
        used = list(dict.fromkeys(models[member].split for member in ensemble.members))
        if len(used) > 1:
            problems.append(
                f"{key}.members: they are tested on different splits ({', '.join(used)}); name "
                "models of one split"
            )
        elif len(ensemble.members) == 1 and used[0] in splits and splits[used[0]].repeats < 2:
            problems.append(
                f"{key}.members: there is one voter; add a model, or set splits.{used[0]}.repeats"
            )
    return problems
