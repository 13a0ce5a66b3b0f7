"""Options of the section `report`, and the sections that the report reads."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from moascope.classification.ensembles.options import Ensemble
from moascope.classification.evaluation.options import Evaluation
from moascope.core.options import Section
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import Units
from moascope.preprocessing.quality_measures.options import Quality
from moascope.screen.options import Input
from moascope.splits.options import Split


class Report(Section):
    """Options of the report."""

    title: str | None = Field(None, description="heading of the report; null: the name of the run")
    max_examples: int = Field(
        6, ge=1, le=50, description="largest number of example images per class"
    )
    max_plates: int = Field(
        12,
        ge=1,
        le=400,
        description="largest number of plate heat maps: worst plates first for quality, by name "
        "for cell counts",
    )


class ListedAugmentation(BaseModel):
    """Entry of the section `augmentation`: its name, and the parameters that are set."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    def values(self) -> dict[str, Any]:
        """Return the parameters that are set."""
        return self.model_extra or {}


class ReportedEngine(BaseModel):
    """Keys of an engine that the report reads."""

    model_config = ConfigDict(frozen=True)

    method: str = "unet"
    model: str | None = None


class ReportedSegmentation(BaseModel):
    """Keys of the section `segmentation` that the report reads."""

    model_config = ConfigDict(frozen=True)

    objects: str = "Nuclei"
    measure_with: str | None = None
    engines: dict[str, ReportedEngine] = {}


class ReportedRun(BaseModel):
    """Sections of a checked configuration that the report reads; all others are left out."""

    model_config = ConfigDict(frozen=True)

    run: str
    seed: int
    input: Input | None = None
    quality: Quality = Field(default_factory=Quality)
    normalization: Normalization = Field(default_factory=Normalization)
    units: Units = Field(default_factory=Units)
    segmentation: ReportedSegmentation = Field(default_factory=ReportedSegmentation)
    splits: dict[str, Split] = {}
    augmentation: list[ListedAugmentation] = []
    ensembles: dict[str, Ensemble] = {}
    evaluation: Evaluation = Field(default_factory=Evaluation)
    report: Report = Field(default_factory=Report)
