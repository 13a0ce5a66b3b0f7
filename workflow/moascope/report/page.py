"""The HTML report: one file that opens offline and starts with the result."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from moascope.classification.evaluation.documents import ModelScores
from moascope.classification.evaluation.levels import scored_levels
from moascope.core.text.plurals import plural_of
from moascope.report import (
    checks,
    models,
    quality,
    scores,
    segmentation,
    splits,
    tiles,
    verdicts,
    wording,
)
from moascope.report.context import Context, ModelContext
from moascope.report.explanations.section import explanation_section
from moascope.report.figures import pictures, style
from moascope.report.wording import percent
from moascope.screen.wording import sentence_case
from moascope.splits.independence import plural

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).resolve().parents[2] / "report"


def build(context: Context, templates: Path = TEMPLATES) -> str:
    """Build the report.

    Parameters
    ----------
    context : Context
        From `context.load_context`.
    templates : path
        Folder of report.html.j2 and report.css.

    Returns
    -------
    str
        A self-contained HTML page without scripts and without requests.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    options = context.options
    nothing: dict[str, Any] = {"models": [], "ensembles": [], "splits": [], "augmentation": []}
    screen = _screen_sections(context) if context.has_screen else nothing
    page = environment.get_template("report.html.j2").render(
        title=options.report.title or options.run,
        run=options.run,
        css=style.style_sheet() + "\n" + (templates / "report.css").read_text("utf-8"),
        has_screen=context.has_screen,
        headline=headline(context),
        facts=_facts(context),
        words=options.words,
        kicker=_kicker(context),
        levels=_level_names(context),
        checks=checks.collect_checks(context),
        scores=scores.score_table(context),
        ladder=scores.ladder_rows(context) if context.ensembles else [],
        confidence=percent(options.confidence, 0),
        accuracy=scores.accuracy_figure(context) if context.models else None,
        narrow_accuracy=scores.accuracy_figure(context, narrow=True) if context.models else None,
        segmentation=segmentation.section(
            context.segmentation,
            options.plate_format,
            options.report.max_plates,
            has_plates=options.words.has_plates,
        ),
        environment=context.summary["environment"],
        config=yaml.safe_dump(context.config, sort_keys=False, allow_unicode=True, width=100),
        **screen,
    )
    log.info("report: %.1f MB", len(page.encode()) / 1e6)
    return page


def _kicker(context: Context) -> str:
    """Return the subject of a report in a word or two."""
    if context.models:
        return sentence_case(context.options.words.label)
    if not context.has_screen:
        return "Segmentation"
    return "Screen" if context.options.words.has_plates else "Images"


def _level_names(context: Context) -> list[str]:
    """Return the levels above units at which any model was scored, in the plural."""
    names = [
        level for model in context.models.values() for level in scored_levels(model.evaluation)
    ]
    return list(dict.fromkeys(names))


def _screen_sections(context: Context) -> dict[str, Any]:
    painter = tiles.Painter(context)
    sections = []
    for name in context.models:
        log.info("report: model %s", name)
        section = models.model_section(context, name, painter)
        section["explanation"] = explanation_section(context, name, painter)
        sections.append(section)
    return {
        "quality": quality.quality_section(context, painter),
        "examples": tiles.examples_section(context, painter),
        "no_examples": tiles.explain_no_examples(context),
        "augmentation": tiles.augmentation_section(context, painter),
        "channels": painter.colours,
        "bar_um": painter.bar_um,
        "splits": [splits.split_section(context, name) for name in context.splits],
        "models": sections,
        "ensembles": models.ensemble_sections(context, painter),
    }


def standalone_figures(context: Context) -> dict[str, bytes]:
    """Draw the main figures as files, for `snakemake --report` and for slides.

    Parameters
    ----------
    context : Context
        From `context.load_context`.

    Returns
    -------
    dict of str to bytes
        By file name: accuracy.svg (with models), splits.{split}.svg, {model}.confusion.svg,
        {model}.calibration.svg, {model}.curves.svg (with training curves), {model}.embedding.svg,
        examples.png (of a screen), segmentation.ap.svg and segmentation.sizes.svg. A figure with
        too few units is a note that says so.
    """
    drawn: dict[str, str] = {}
    if context.models:
        drawn["accuracy.svg"] = scores.accuracy_figure(context)
    for name in context.splits:
        drawn[f"splits.{name}.svg"] = splits.split_figure(context, name)
    for name, model in context.models.items():
        confusion = models.confusion_figures(name, model.evaluation)
        drawn[f"{name}.confusion.svg"] = confusion[0]["svg"]
        drawn[f"{name}.calibration.svg"] = models.calibration_figure(name, model.evaluation)
        maps = [each["svg"] for each in models.embedding_figures(context, name)]
        maps = maps or [style.notice(models.NO_MAP)]
        drawn[f"{name}.embedding.svg"] = maps[min(1, len(maps) - 1)]
        if model.history is not None:
            drawn[f"{name}.curves.svg"] = models.curves_figure(name, model.history)
    drawn |= segmentation.standalone_figures(context.segmentation)
    files = {name: style.standalone(svg).encode() for name, svg in drawn.items()}
    if not context.has_screen:
        return files
    painter = tiles.Painter(context)
    rows = {
        name: [painter.draw(context.images[unit]) for unit in chosen]
        for name, chosen in tiles.choose_examples(context)
    }
    if rows:
        return {**files, "examples.png": pictures.montage(rows)}
    return {**files, "examples.png": pictures.notice(tiles.explain_no_examples(context))}


def headline(context: Context) -> dict[str, Any] | None:
    """Compose the result that the report starts with.

    Parameters
    ----------
    context : Context
        From `context.load_context`.

    Returns
    -------
    dict or None
        Texts and numbers on the best model for the template; None without a model.
    """
    if not context.models:
        return None
    name = _best_model(context.models)
    entry = context.models[name].evaluation
    details, words = entry["details"], context.options.words
    best = _best_baseline(entry)
    null, p = entry["accuracy"].get("null"), entry["accuracy"].get("p")
    return {
        "model": name,
        "score": wording.score(entry["accuracy"]),
        "confidence": percent(context.options.confidence, 0),
        "units": wording.name_units(entry),
        "n": entry["n"],
        "tested_on": wording.describe_test_units(context.splits[entry["split"]].config),
        "not_tested": splits.describe_limits(context, entry["split"]),
        "label": words.short,
        "labels": words.labels,
        "exchanged": wording.name_exchanged(entry, words),
        "baseline": None
        if best is None
        else {"name": wording.baseline_name(best[0]), "value": percent(best[1])},
        "null": None if null is None else percent(null["mean"]),
        "p": None if null is None or p is None else f"{p:.2g}",
        "n_classes": len(details["classes"]),
        "together": [
            {
                "level": level,
                "right": round(verdicts.share_of(found) * found["n"]),
                "n": found["n"],
                **wording.score(found["accuracy"]),
            }
            for level, found in scored_levels(entry).items()
            if level != "wells"
        ],
        "independent": plural(details["independent_unit"], details["n_independent"]),
        "n_models": len(context.models),
        "verdict": verdicts.judge(entry, words=words),
    }


def _best_model(contexts: Mapping[str, ModelContext]) -> str:
    return max(contexts, key=lambda name: verdicts.share_of(contexts[name].evaluation))


def _best_baseline(entry: ModelScores) -> tuple[str, float] | None:
    accuracies = {
        name: verdicts.share_of(baseline) for name, baseline in verdicts.comparators(entry).items()
    }
    return max(accuracies.items(), key=lambda item: item[1]) if accuracies else None


def _facts(context: Context) -> list[tuple[str, str]]:
    """Return names and values that describe the run."""
    if not context.has_screen:
        device = context.summary["environment"].get("device", "no network was used")
        return [("device", str(device)), ("seed", str(context.options.seed))]
    if not context.options.words.has_plates:
        return [*_class_facts(context), *_run_facts(context)]
    return [*_plate_facts(context), *_run_facts(context)]


def _plate_facts(context: Context) -> list[tuple[str, str]]:
    """Return the numbers of plates, wells, images and treatments."""
    inputs, units = context.summary["inputs"], context.units
    treated = units[(units["role"] != "control") & (units["compound"] != "")]
    mechanisms = units.loc[units["moa"] != "", "moa"].nunique()
    sizes = [("image sizes", inputs["image_sizes"]["text"])] if "image_sizes" in inputs else []
    return [
        ("plates", f"{inputs['plates']:,}"),
        ("wells", f"{inputs['wells']:,}"),
        ("sites", f"{inputs['sites']:,}"),
        ("image files", f"{inputs['images']:,}"),
        *sizes,
        ("batches", f"{units['batch'].nunique():,}"),
        (context.options.words.labels, f"{mechanisms:,}"),
        ("compounds", f"{treated['compound'].nunique():,}"),
        ("treatments", f"{treated['treatment'].nunique():,}"),
    ]


def _class_facts(context: Context) -> list[tuple[str, str]]:
    """Return the numbers of images, by class and group, of a screen without plates."""
    inputs, options, units = context.summary["inputs"], context.options, context.units
    counts = units.drop_duplicates("site_id")["moa"].replace("", "unlabelled").value_counts()
    groups = [(plural_of(name), f"{units[name].nunique():,}") for name in options.groups]
    return [
        ("images", f"{inputs['images']:,}"),
        (options.words.labels, ", ".join(f"{k} ({n:,})" for k, n in counts.items())),
        *groups,
    ]


def _run_facts(context: Context) -> list[tuple[str, str]]:
    """Return the channels, the normalization and the device of a run."""
    options, summary = context.options, context.summary
    return [
        ("channels", ", ".join(options.channels)),
        ("normalization", _describe_normalization(options.normalization)),
        ("device", str(summary["environment"].get("device", "no network was used"))),
        ("seed", str(options.seed)),
        ("input digest", str(summary["inputs"]["digest"])[:12]),
    ]


def _describe_normalization(steps: Sequence[tuple[str, str]]) -> str:
    scopes = {"image": " per image", "plate": " per plate", "controls": " from controls"}
    if not steps:
        return "none"
    return ", then ".join(
        method + ("" if method == "anscombe" else scopes[scope]) for method, scope in steps
    )
