"""Options of the section `explain`. Free of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from moascope.classification.choices import HAND_CRAFTED
from moascope.classification.explanation.methods import METHODS, Method, get
from moascope.classification.heads import registry as heads
from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.core.options import Name, OneOf, Section
from moascope.core.text.suggestions import unknown

if TYPE_CHECKING:
    from moascope.classification.options import Model

MethodName = Annotated[str, OneOf(tuple(method.name for method in METHODS))]


class Explain(Section):
    """Maps of what networks see, and scores of altered units."""

    models: list[Name] | None = Field(
        None, min_length=1, description="models to explain; null: all that have a network"
    )
    methods: list[MethodName] | None = Field(
        None,
        min_length=1,
        description="methods; null: all that a model allows, but one-pixel, which takes long",
    )
    units_per_class: int = Field(
        3,
        ge=1,
        le=50,
        description="units of each class to draw maps of, as many that were classified correctly "
        "and as many that were not",
    )
    measured_units: int = Field(
        200, ge=1, description="largest number of test units whose altered copies are classified"
    )
    occlusion_side: float = Field(
        0.2,
        ge=0.02,
        le=0.5,
        description="side of the square that occlusion moves over a unit, as a share of the "
        "shorter side of the unit; half of it takes four times as long",
    )
    attacked_units: int = Field(
        10, ge=1, description="largest number of units per network that the one-pixel attack tries"
    )
    attack_rounds: int = Field(
        30, ge=1, le=1000, description="generations of the one-pixel attack on a unit"
    )

    def models_of(self, models: Mapping[str, Model]) -> list[str]:
        """Return the names of the models to explain.

        Parameters
        ----------
        models : mapping
            All models by name.

        Returns
        -------
        list of str
            In the order of the configuration.
        """
        if self.models is not None:
            return [name for name in models if name in self.models]
        return [name for name, model in models.items() if model.uses_network()]

    def methods_of(self, model: Model, backend: str) -> list[str]:
        """Return the names of the methods that explain a model.

        Parameters
        ----------
        model : Model
            Its options.
        backend : str
            Of Keras.

        Returns
        -------
        list of str
            Those named; otherwise all usual ones that the options of the model allow.
        """
        if self.methods is not None:
            return list(self.methods)
        usual = [each for each in METHODS if each.is_default]
        return [each.name for each in usual if refusal(each, model, backend) is None]


def refusal(method: Method, model: Model, backend: str) -> str | None:
    """Return the reason why a method cannot explain a model; None where it can.

    Parameters
    ----------
    method : Method
        The method.
    model : Model
        Options of the model.
    backend : str
        Of Keras.
    """
    if not method.needs_gradients:
        return None
    if backend != "tensorflow":
        return f"gradients need compute.keras_backend tensorflow, not {backend}"
    is_frozen = model.transfer == "frozen"
    choices = list(model.choices().values()) if is_frozen else []
    if any(HAND_CRAFTED in choice.features for choice in choices):
        return "the model also takes hand-crafted features, which have no map"
    used = [choice.head for choice in choices] if is_frozen else [model.fine_tuning().head]
    rough = [head.type for head in used if not heads.get(head.type).has_gradients]
    if rough:
        return f"the head {rough[0]} has no gradients"
    poolings = [choice.pooling for choice in choices] if is_frozen else [model.pooling]
    is_simple = all(map(_is_linear, used)) and all(each == "mean" for each in poolings)
    if method.needs_linear_head and not is_simple:
        return "it needs the pooling mean, and a linear head (no hidden layers)"
    return None


def _is_linear(head: HeadOptions) -> bool:
    """Return whether the scores of a head are linear in its features."""
    is_bare = isinstance(head, MlpOptions) and not head.hidden
    return is_bare or heads.get(head.type).is_linear


def problems_of_explanations(
    explain: Explain, models: Mapping[str, Model], backend: str
) -> list[str]:
    """Return what is wrong with the section, given the models.

    Parameters
    ----------
    explain : Explain
        The section.
    models : mapping
        Models by name.
    backend : str
        Of Keras.

    Returns
    -------
    list of str
        One sentence per problem.
    """
    named = explain.models or []
    problems = [
        "explain.models: " + unknown("model", name, models) for name in named if name not in models
    ]
    problems += [
        f"explain.models: {name} has no network; remove it"
        for name in named
        if name in models and not models[name].uses_network()
    ]
    if not problems and not explain.models_of(models):
        problems.append("explain: no model has a network; add one, or remove this section")
    for name in [] if problems else explain.models_of(models):
        for method in explain.methods or []:
            reason = refusal(get(method), models[name], backend)
            if reason:
                problems.append(
                    f"explain.methods: {method} cannot explain {name}: {reason}. Remove {method}, "
                    "or list other models under explain.models"
                )
    return problems
