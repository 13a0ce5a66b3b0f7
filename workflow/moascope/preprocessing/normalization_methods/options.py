"""Options of the section `normalization`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from moascope.core.options import (
    OneOf,
    Section,
    consistency_check,
    keys_of_other_methods,
    refuse,
    without_effect,
)
from moascope.preprocessing.normalization_methods import registry
from moascope.preprocessing.normalization_methods.base import StepKeys


class NormalizationStep(StepKeys):
    """One step of the normalization of intensities."""

    method: Annotated[str, OneOf(tuple(registry.names()))] = Field(
        description="normalization method; anscombe is 2*sqrt(x + 3/8) and takes no scope"
    )

    def takes_statistics_of_plate(self) -> bool:
        """Check whether statistics come from several images of a plate."""
        return bool(registry.find_method(self.method).statistics) and self.scope != "image"

    @consistency_check
    def _consistent(self) -> NormalizationStep:
        keys = [key for key in StepKeys.model_fields if key != "method"]
        methods = {
            key: tuple(method.name for method in registry.METHODS if key in method.keys)
            for key in keys
        }
        problems = keys_of_other_methods(self, methods)
        if self.low >= self.high:
            problems.append(f"low ({self.low}) must be below high ({self.high})")
        if self.z_range[0] >= self.z_range[1]:
            problems.append("z_range must go from a lower to a higher z-score")
        refuse(problems)
        return self


class Normalization(Section):
    """Normalization of intensities to a common scale, channel by channel."""

    steps: list[NormalizationStep] = Field(
        [{"method": "percentile", "scope": "image"}],  # type: ignore[list-item]
        description="steps in order; `[]`: not normalized, but integers are divided by the "
        "largest value of their type (255 or 65535), and floats must be from 0 to 1",
    )
    treated_wells_in_statistics: bool = Field(
        False,
        description="allow scope `plate`, whose statistics include treated wells of test folds "
        "(never their labels); the report then says so",
    )

    def takes_statistics_of(self, scope: str) -> bool:
        """Check whether any step takes its statistics from a scope other than single images."""
        return any(step.takes_statistics_of_plate() and step.scope == scope for step in self.steps)

    @consistency_check
    def _without_leaks(self) -> Normalization:
        idle = {"z_range": "steps behind it"}
        refuse(
            [
                f"steps[{number}].{sentence}"
                for number, step in enumerate(self.steps[:-1])
                for sentence in without_effect(step, idle)
            ]
        )
        if self.steps and registry.find_method(self.steps[-1].method).to_unit_range is None:
            last = [method.name for method in registry.METHODS if method.to_unit_range is not None]
            raise ValueError(
                f"steps must not end with {self.steps[-1].method!r}, which does not bring "
                f"intensities to [0, 1]: add a step {', '.join(last[:-1])} or {last[-1]} behind it"
            )
        if not self.treated_wells_in_statistics:
            for number, step in enumerate(self.steps):
                if step.takes_statistics_of_plate() and step.scope == "plate":
                    raise ValueError(
                        f"steps[{number}].scope 'plate' takes statistics from treated wells, those "
                        "of test folds included; use 'controls' or 'image', or set "
                        "treated_wells_in_statistics: true and let the report say so"
                    )
        return self
