"""Inputs of the rules that write the summary and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moascope.core.text.escaping import json_for_html
from moascope.pipeline.inputs.base import RuleInputs, Wildcards, fill
from moascope.pipeline.inputs.classification import ModelInputs
from moascope.pipeline.inputs.segmentation import EngineInputs

if TYPE_CHECKING:
    from moascope.report.context import ScreenInputs
    from moascope.report.segmentation import SegmentationInputs


@dataclass(frozen=True)
class ReportInputs(RuleInputs):
    """Inputs of the rules that write the summary and the report.

    Parameters
    ----------
    models : ModelInputs
        Those of the classification.
    engines : EngineInputs
        Those of the segmentation.
    """

    models: ModelInputs
    engines: EngineInputs

    @property
    def has_networks(self) -> bool:
        """Return whether there are networks to check before the run."""
        return self.has_screen and bool(self.config.models or self.engines.checked)

    @property
    def evaluated(self) -> list[str]:
        """Return the models and the ensembles, whose predictions are evaluated."""
        return [*self.config.models, *self.config.ensembles]

    def deliverables(self) -> list[str]:
        """Return the files that users take from a run besides its report.

        They are targets, so that a run makes deleted ones again.
        """
        paths, engines = self.paths, self.engines
        fitted = [file for name in engines.fitted_here for file in engines.fitted(name).values()]
        files = [
            *fill(paths.predictions, model=self.evaluated),
            *fill(paths.model, model=self.models.kept),
            *fitted,
            *fill(paths.exported, engine=engines.exported),
        ]
        if self.finds_cells:
            plates = [paths.labels, paths.plate_cells]
            if self.config.segmentation.labelled_plates:
                plates.append(paths.labelled)
            files.append(paths.cell_counts)
            files += [file for pattern in plates for file in self.all_plates(pattern)]
        return files

    def targets(self) -> list[str]:
        """Return the files of a whole run, but for the networks of folds."""
        paths = self.paths
        files = [paths.report, paths.summary]
        if self.has_screen:
            files.append(paths.checked)
        if self.has_networks:
            files.append(paths.models_checked)
        return files + self.deliverables()

    def devices(self) -> list[str]:
        """Return the notes on which device each network was computed."""
        return [*self.models.devices(), *self.engines.devices()]

    def _cells(self) -> SegmentationInputs:
        paths = self.paths
        if not self.finds_cells:
            return {}
        return {"counts": paths.cell_counts, "cell_doubts": paths.cell_doubts}

    def screen_summary(self) -> dict[str, Any]:
        """Return what the summary needs of a screen."""
        if not self.has_screen:
            return {}
        paths = self.paths
        return {
            **self._cells(),
            "inputs": paths.inputs,
            "quality": paths.all_quality,
            "review": paths.quality_review,
            "evaluations": fill(paths.evaluation, model=self.evaluated),
            "audits": fill(paths.audit, split=self.config.splits),
            "checked_models": [paths.models_checked] if self.has_networks else [],
            "sizes": [] if self.is_simulated else [paths.image_sizes],
        }

    def screen_report(self) -> ScreenInputs:
        """Return what the report needs of a screen."""
        if not self.has_screen:
            return {}
        paths, models, splits = self.paths, self.config.models, self.config.splits
        embeddings = [self.models.embedding_of(name) for name in models]
        return {
            "units": paths.units,
            "pixels": self.all_plates(paths.pixels),
            "quality": paths.all_quality,
            "splits": fill(paths.split, split=splits),
            "groups": fill(paths.groups, split=splits),
            "audits": fill(paths.audit, split=splits),
            "evaluations": fill(paths.evaluation, model=models),
            "predictions": fill(paths.predictions, model=models),
            "ensembles": fill(paths.evaluation, model=self.config.ensembles),
            "embeddings": [array for array, _ in embeddings],
            "embedded": [table for _, table in embeddings],
            "histories": fill(paths.history, model=self.models.curves()),
            "explanations": fill(paths.explanation, model=self.models.explained),
            "explanation_scores": fill(paths.explanation_scores, model=self.models.explained),
            "augmentation": [paths.augmentation_preview] if self.config.augmentation else [],
        }

    def segmentation_report(self) -> SegmentationInputs:
        """Return what the report needs of the segmentation."""
        paths, engines = self.paths, self.engines
        files: SegmentationInputs = {}
        if engines.scored:
            files |= {
                "annotated": paths.annotated,
                "annotated_table": paths.annotated_table,
                "engine_scores": fill(paths.engine_scores, engine=engines.scored),
                "engine_by_image": fill(paths.engine_by_image, engine=engines.scored),
                "engine_labels": fill(paths.test_labels, engine=engines.scored),
                "engine_histories": fill(paths.engine_history, engine=engines.trained),
            }
        if self.finds_cells:
            files |= {
                **self._cells(),
                "samples": paths.site_samples,
                "sample_table": paths.site_sample_table,
            }
        return files

    def config_for_html(self, wildcards: Wildcards) -> str:
        """Return the whole configuration as JSON that can stand in an HTML file."""
        return json_for_html(self.config.model_dump(mode="json"))

    def figures(self) -> dict[str, tuple[str, str]]:
        """Return caption and category of every figure that is a file of its own, by path."""
        found = {}
        if self.config.models:
            found["accuracy.svg"] = ("accuracy", "Scores")
        for name in self.config.splits if self.has_screen else []:
            found[f"splits.{name}.svg"] = ("split", "Splits")
        for name in self.config.models:
            found[f"{name}.confusion.svg"] = ("confusion", "Scores")
            found[f"{name}.calibration.svg"] = ("calibration", "Scores")
            found[f"{name}.embedding.svg"] = ("embedding", "Embeddings")
        for name in self.models.curves():
            found[f"{name}.curves.svg"] = ("curves", "Training")
        if self.has_screen:
            found["examples.png"] = ("examples", "Images")
        if self.engines.scored:
            found["segmentation.ap.svg"] = ("segmentation", "Segmentation")
            found["segmentation.sizes.svg"] = ("sizes", "Segmentation")
        return {self.paths.result(f"figures/{name}"): words for name, words in found.items()}
