"""Every path of a run, in one place.

Paths are relative to the working directory and keep Snakemake's wildcards in braces
(`{plate}`, `{split}`, `{model}`, `{fold}`), to be filled with `str.format` elsewhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath


@dataclass(frozen=True)
class Paths:
    """The files of one run.

    Parameters
    ----------
    run : str
        Name of the run.
    """

    run: str

    def folder(self) -> str:
        """Return the folder of all results of the run."""
        return f"results/{self.run}"

    def result(self, name: str) -> str:
        """Return a path below the results of the run."""
        return f"results/{self.run}/{name}"

    def log(self, name: str) -> str:
        """Return the path of a log file."""
        return f"logs/{self.run}/{name}.log"

    def tensorboard(self, name: str) -> str:
        """Return the folder of the TensorBoard logs of a training."""
        return f"logs/{self.run}/tensorboard/{name}"

    def benchmark(self, name: str) -> str:
        """Return the path of a benchmark table."""
        return f"benchmarks/{self.run}/{name}.tsv"

    @property
    def simulated_sheet(self) -> str:
        """Sample sheet of a simulated plate; its images and masks are in the same folder."""
        return self.result("simulated/{plate}/sheet.csv")

    @property
    def simulated_truth(self) -> str:
        """True phenotype of every site of a simulated plate."""
        return self.result("simulated/{plate}/truth.parquet")

    @property
    def sites(self) -> str:
        """All sites of the screen."""
        return self.result("sites.parquet")

    @property
    def plate_files(self) -> str:
        """Image files of the sites of one plate."""
        return self.result("sites/files/{plate}.parquet")

    @property
    def plate_roles(self) -> str:
        """Roles of the sites of one plate: control or treated."""
        return self.result("sites/roles/{plate}.parquet")

    @property
    def masks(self) -> str:
        """Label images of sites."""
        return self.result("sites/masks.parquet")

    @property
    def inputs(self) -> str:
        """Counts and digest of the input."""
        return self.result("sites.json")

    @property
    def headers(self) -> str:
        """Sizes of the images of some plates, read from their headers."""
        return self.result("sizes/{part}.parquet")

    @property
    def image_sizes(self) -> str:
        """Number of images of each size in the screen."""
        return self.result("sizes.json")

    @property
    def image_target(self) -> str:
        """Size that all images are brought to."""
        return self.result("sizes/target.json")

    @property
    def sheet_is_read(self) -> str:
        """Empty file: the rows of every plate are known."""
        return self.result("sites/read")

    @property
    def store(self) -> str:
        """The images of one plate."""
        return self.result("plates/{plate}.ozx")

    @property
    def ingested(self) -> str:
        """Measures of every site of a plate, such as focus, or why it cannot be read."""
        return self.result("ingested/{plate}.parquet")

    @property
    def quality(self) -> str:
        """Quality of the sites of a plate, with flags."""
        return self.result("quality/{plate}.parquet")

    @property
    def statistics(self) -> str:
        """Normalization statistics of a plate."""
        return self.result("normalization/{plate}.parquet")

    @property
    def pixels(self) -> str:
        """Units of a plate at training resolution."""
        return self.result("units/pixels/{plate}.npy")

    @property
    def plate_units(self) -> str:
        """Units of a plate with their hand-crafted features."""
        return self.result("units/index/{plate}.parquet")

    @property
    def annotated(self) -> str:
        """Images with reference masks, which engines are trained and scored on."""
        return self.result("segmentation/annotated.h5")

    @property
    def annotated_table(self) -> str:
        """One row per annotated image."""
        return self.result("segmentation/annotated.parquet")

    @property
    def member_network(self) -> str:
        """Trained segmentation network, one member of an ensemble."""
        return self.result("segmentation/{engine}.{member}.keras")

    @property
    def member_history(self) -> str:
        """Training curve of a member of an ensemble."""
        return self.result("segmentation/{engine}.{member}.history.parquet")

    @property
    def member_device(self) -> str:
        """Device that a member of an ensemble was trained on."""
        return self.result("segmentation/{engine}.{member}.device.json")

    @property
    def fitted_engine(self) -> str:
        """A trained or tuned engine; `model` is the end of its name, `Method.model_file`."""
        return self.result("segmentation/{engine}.{model}")

    @property
    def engine_history(self) -> str:
        """Training curves of a network that segments."""
        return self.result("segmentation/{engine}.history.parquet")

    @property
    def engine_device(self) -> str:
        """Device that an engine was trained on."""
        return self.result("segmentation/{engine}.device.json")

    @property
    def member_checkpoint(self) -> str:
        """State of an unfinished training of a segmentation network."""
        return self.result("segmentation/{engine}.{member}.checkpoint.npz")

    @property
    def exported(self) -> str:
        """The network as a BioImage.IO package, for other programs."""
        return self.result("segmentation/{engine}.bioimageio.zip")

    @property
    def test_labels(self) -> str:
        """Objects that an engine found in the test images."""
        return self.result("segmentation/{engine}.labels.h5")

    @property
    def engine_size(self) -> str:
        """Size of objects in the screen, or in annotated images, measured by an engine."""
        return self.result("segmentation/{engine}.{images}.size.json")

    @property
    def test_device(self) -> str:
        """Device that the test images were segmented on."""
        return self.result("segmentation/{engine}.test.device.json")

    @property
    def test_times(self) -> str:
        """Seconds that each test image took."""
        return self.result("segmentation/{engine}.times.parquet")

    @property
    def engine_scores(self) -> str:
        """Scores of an engine on the test images."""
        return self.result("segmentation/{engine}.scores.json")

    @property
    def engine_by_image(self) -> str:
        """Scores of an engine, image by image."""
        return self.result("segmentation/{engine}.scores.parquet")

    @property
    def labels(self) -> str:
        """Objects in the images of one plate, as OME-Zarr labels."""
        return self.result("labels/{plate}.ozx")

    @property
    def labelled(self) -> str:
        """The images of one plate and the objects in them."""
        return self.result("labelled_plates/{plate}.ozx")

    @property
    def plate_cells(self) -> str:
        """Measurements of every object on one plate."""
        return self.result("cells/{plate}.parquet")

    @property
    def cell_counts(self) -> str:
        """Number of objects and their median measurements, by site."""
        return self.result("cell_counts.parquet")

    @property
    def cell_doubts(self) -> str:
        """Doubtful findings about the objects of the screen."""
        return self.result("cell_doubts.json")

    @property
    def site_samples(self) -> str:
        """Pictures of some sites of every plate, and the objects in them."""
        return self.result("site_samples.h5")

    @property
    def site_sample_table(self) -> str:
        """Table of the sites in the pictures, and why they were chosen."""
        return self.result("site_samples.parquet")

    @property
    def units(self) -> str:
        """All units of the screen."""
        return self.result("units.parquet")

    @property
    def all_quality(self) -> str:
        """Quality of all sites of the screen."""
        return self.result("quality.parquet")

    @property
    def quality_review(self) -> str:
        """Failing plates, flags by class, and undeclared brightfield."""
        return self.result("quality.json")

    @property
    def all_statistics(self) -> str:
        """Normalization statistics of all plates."""
        return self.result("normalization.parquet")

    @property
    def checked(self) -> str:
        """A note that the screen can be split as configured."""
        return self.result("splits.json")

    @property
    def models_checked(self) -> str:
        """A note that the networks can be built as configured, and on which device."""
        return self.result("models.json")

    @property
    def split(self) -> str:
        """Set of every group in every fold of a split."""
        return self.result("splits/{split}.parquet")

    @property
    def groups(self) -> str:
        """Group of every unit in a split."""
        return self.result("splits/{split}.groups.parquet")

    @property
    def audit(self) -> str:
        """Result of the leakage audit of a split."""
        return self.result("splits/{split}.audit.json")

    @property
    def baselines(self) -> str:
        """Predictions of the baselines on a split."""
        return self.result("baselines/{split}.parquet")

    @property
    def features(self) -> str:
        """Features of all units, from one pass through a frozen network."""
        return self.result("features/{model}.npy")

    @property
    def feature_columns(self) -> str:
        """Layers and statistics that the columns of the features come from."""
        return self.result("features/{model}.columns.json")

    @property
    def joined_features(self) -> str:
        """The features of all units that a model with hand-crafted features sees."""
        return self.result("features/{model}.joined.npy")

    @property
    def feature_index(self) -> str:
        """Unit of each row of the features."""
        return self.result("features/{model}.parquet")

    @property
    def feature_device(self) -> str:
        """Device that the frozen features were computed on."""
        return self.result("features/{model}.device.json")

    @property
    def model_device(self) -> str:
        """Device that a network was trained on."""
        return self.result("predictions/{model}.device.json")

    @property
    def fold_device(self) -> str:
        """Device that the network of one fold was trained on."""
        return self.result("folds/{model}/{fold}.device.json")

    @property
    def fold_predictions(self) -> str:
        """Test predictions of one fold of a trained network."""
        return self.result("folds/{model}/{fold}.predictions.parquet")

    @property
    def fold_history(self) -> str:
        """Training curves of one fold."""
        return self.result("folds/{model}/{fold}.history.parquet")

    @property
    def fold_embedding(self) -> str:
        """Test embeddings of one fold."""
        return self.result("folds/{model}/{fold}.embedding.npy")

    @property
    def model(self) -> str:
        """A backbone and its head, fitted to all labelled units, with all they need."""
        return self.result("models/{model}.keras")

    @property
    def fold_model(self) -> str:
        """The network trained on one fold."""
        return self.result("folds/{model}/{fold}.keras")

    @property
    def fold_checkpoint(self) -> str:
        """State of an unfinished training; removed when the fold is complete."""
        return self.result("checkpoints/{model}/{fold}.npz")

    @property
    def final_checkpoint(self) -> str:
        """State of an unfinished training on all labelled units; removed when it is complete."""
        return self.result("checkpoints/{model}/final.npz")

    @property
    def predictions(self) -> str:
        """Test predictions of a model, all folds."""
        return self.result("predictions/{model}.parquet")

    @property
    def selection(self) -> str:
        """Inner scores of the candidates of a model in every fold, and which one was chosen."""
        return self.result("predictions/{model}.selection.parquet")

    @property
    def history(self) -> str:
        """Training curves of a model, all folds."""
        return self.result("predictions/{model}.history.parquet")

    @property
    def embedding(self) -> str:
        """Test embeddings of a model, one row per unit."""
        return self.result("predictions/{model}.embedding.npy")

    @property
    def null(self) -> str:
        """Scores of a linear head fitted to permuted mechanisms."""
        return self.result("null/{model}.parquet")

    @property
    def evaluation(self) -> str:
        """Scores of a model and its baselines."""
        return self.result("evaluation/{model}.json")

    @property
    def explanation(self) -> str:
        """Maps of what the network of a model sees in test units."""
        return self.result("explanations/{model}.h5")

    @property
    def explanation_scores(self) -> str:
        """Correct predictions of a model after units were altered."""
        return self.result("explanations/{model}.scores.parquet")

    @property
    def augmentation_preview(self) -> str:
        """Augmented examples for the report."""
        return self.result("augmentation.npy")

    @property
    def summary(self) -> str:
        """Results of the run for programs."""
        return self.result("summary.json")

    @property
    def report(self) -> str:
        """Report of the run for people."""
        return self.result("report.html")


_OUTPUTS = {
    "simulate_plate": ("simulated_sheet", "simulated_truth"),
    "sites": ("sites", "masks", "inputs"),
    "divide_sites": ("plate_files", "plate_roles"),
    "sheet_is_read": ("sheet_is_read",),
    "ingest": ("store", "ingested"),
    "prepare": ("pixels", "plate_units", "statistics", "quality"),
    "collect_units": ("units", "all_quality", "all_statistics"),
    "review_quality": ("quality_review",),
    "check_splits": ("checked",),
    "split": ("split", "groups"),
    "audit_split": ("audit",),
    "baselines": ("baselines",),
    "check_models": ("models_checked",),
    "read_headers": ("headers",),
    "check_images": ("image_sizes", "image_target"),
    "features": ("features", "feature_index", "feature_columns", "feature_device"),
    "join_features": ("joined_features",),
    "fit_head": ("predictions",),
    "select_head": ("predictions", "selection"),
    "fit_keras_head": ("predictions", "history", "model_device"),
    "final_model": ("model",),
    "final_network": ("model",),
    "train_fold": (
        "fold_predictions",
        "fold_history",
        "fold_embedding",
        "fold_model",
        "fold_device",
    ),
    "ensemble": ("predictions",),
    "collect_folds": ("predictions", "history", "embedding", "model_device"),
    "refit_null": ("null",),
    "explain": ("explanation", "explanation_scores"),
    "evaluate": ("evaluation",),
    "augmentation_preview": ("augmentation_preview",),
    "annotate_images": ("annotated", "annotated_table"),
    "annotate_sites": ("annotated", "annotated_table"),
    "export_unet": ("exported",),
    "score_engine": ("engine_scores", "engine_by_image"),
    "segment_plate": ("labels",),
    "measure_cells": ("plate_cells",),
    "label_plate": ("labelled",),
    "collect_cells": ("cell_counts", "cell_doubts"),
    "sample_sites": ("site_samples", "site_sample_table"),
    "summary": ("summary",),
    "report": ("report",),
}
"""The paths that each rule makes, but for those that one rule per segmentation method makes."""


def target_of(path: str | os.PathLike[str]) -> str | None:
    """Return the argument of Snakemake's `--forcerun` that makes a file of a run again.

    Parameters
    ----------
    path : path
        Any file, relative or absolute.

    Returns
    -------
    str or None
        The rule; the file itself where the configuration decides which rule makes it; None where no
        rule does.
    """
    place = PurePath(path).as_posix()
    found = [each for each in _patterns() if each[0].search(place)]
    if not found:
        return None
    # `a.scores.json` is a file of its own, and not the `{engine}.json` of an engine `a.scores`.
    _, rules, _ = max(found, key=lambda each: each[2])
    return rules[0] if len(rules) == 1 else place


@cache
def _patterns() -> list[tuple[re.Pattern[str], tuple[str, ...], int]]:
    """List every path as an expression, with the rules that make it and its fixed length."""
    paths = Paths("{run}")
    names = [name for name, value in vars(Paths).items() if isinstance(value, property)]
    patterns = []
    for name in names:
        if name.endswith("_checkpoint"):  # which no rule declares
            continue
        parts = re.split(r"\{\w+\}", getattr(paths, name))
        rules = tuple(rule for rule, made in _OUTPUTS.items() if name in made)
        expression = r"(?:^|/)" + r"[^/]+".join(map(re.escape, parts)) + "$"
        patterns.append((re.compile(expression), rules, len("".join(parts))))
    return patterns
