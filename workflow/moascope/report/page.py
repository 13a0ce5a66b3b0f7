"""The HTML report: one file that opens offline and starts with the answer."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import jinja2
import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from moascope.classification.evaluation.levels import scored_levels
from moascope.core.text.cell_text import amount
from moascope.preprocessing import flag_balance
from moascope.preprocessing.quality import deviations
from moascope.report import checks, pictures, segmentation, verdicts
from moascope.report.checks import percent
from moascope.report.context import (
    Context,
    class_labels,
    class_order,
    example_units,
    flagged_units,
    load_context,
    shown_mistakes,
)
from moascope.report.figures import style
from moascope.report.pictures import Array
from moascope.screen.wells import parse_well
from moascope.screen.wording import plural_of, sentence_case, words_of

__all__ = ["Context", "build", "load_context", "standalone_figures"]

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).resolve().parents[2] / "report"

MAX_ROWS = 200
MAX_SPLIT_CELLS = 64
TILE_SIDE = 160


def build(context: Context, templates: Path = TEMPLATES) -> str:
    """Write the report.

    Parameters
    ----------
    context : Context
        See there and `load_context`.
    templates : path
        Folder of report.html.j2 and report.css.

    Returns
    -------
    str
        A self-contained HTML page: no script, no request to anywhere.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    config = context["config"]
    nothing: dict[str, Any] = {"models": [], "splits": [], "augmentation": []}
    screen = _screen_sections(context) if context["has_screen"] else nothing
    page = environment.get_template("report.html.j2").render(
        title=config["report"]["title"] or config["run"],
        run=config["run"],
        css=style.style_sheet() + "\n" + (templates / "report.css").read_text("utf-8"),
        has_screen=context["has_screen"],
        headline=checks.headline(context),
        facts=_facts(context),
        words=words_of(config["input"]),
        kicker=_kicker(context),
        levels=_level_names(context),
        checks=checks.checks(context),
        scores=checks.score_table(context),
        confidence=percent(float(config["evaluation"]["confidence"]), 0),
        accuracy=accuracy_figure(context) if context["models"] else None,
        narrow_accuracy=accuracy_figure(context, narrow=True) if context["models"] else None,
        segmentation=segmentation.section(
            context["segmentation"],
            config["input"]["plate_format"] if context["has_screen"] else 96,
            config["report"]["max_plates"],
        ),
        environment=context["summary"]["environment"],
        config=yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100),
        **screen,
    )
    log.info("report: %.1f MB", len(page.encode()) / 1e6)
    return page


def _kicker(context: Context) -> str:
    """Return what a report is about in a word."""
    if context["models"]:
        return sentence_case(words_of(context["config"]["input"]).label)
    if not context["has_screen"]:
        return "Segmentation"
    return "Screen" if words_of(context["config"]["input"]).has_plates else "Images"


def _level_names(context: Context) -> list[str]:
    """Return the levels beside the units at which some model was scored, in the plural."""
    names = [
        level
        for model in context["models"].values()
        for level in scored_levels(model["evaluation"])
    ]
    return list(dict.fromkeys(names))


def _screen_sections(context: Context) -> dict[str, Any]:
    config = context["config"]
    painter = _Painter(context)
    models = []
    for name in context["models"]:
        log.info("report: model %s", name)
        models.append(_model_section(context, name, painter))
    return {
        "quality": _quality_section(context, painter),
        "examples": _examples_section(context, painter),
        "no_examples": _no_examples(context),
        "augmentation": _augmentation_section(context, painter),
        "augmentation_names": [step["name"].replace("_", " ") for step in config["augmentation"]],
        "channels": painter.colours,
        "bar_um": painter.bar_um,
        "splits": [_split_section(context, name) for name in context["splits"]],
        "models": models,
    }


def standalone_figures(context: Context) -> dict[str, bytes]:
    """Draw the main figures as files, for `snakemake --report` and for slides.

    Parameters
    ----------
    context : Context
        See there.

    Returns
    -------
    dict of str to bytes
        By file name: accuracy.svg (with models), splits.{split}.svg, {model}.confusion.svg,
        {model}.calibration.svg, {model}.curves.svg (with training curves), {model}.embedding.svg,
        examples.png (of a screen), segmentation.ap.svg and segmentation.sizes.svg. Where there are
        too few units for a figure, it says so.
    """
    drawn: dict[str, str] = {}
    if context["models"]:
        drawn["accuracy.svg"] = accuracy_figure(context)
    for name in context["splits"]:
        drawn[f"splits.{name}.svg"] = split_figure(context, name)
    for name, model in context["models"].items():
        drawn[f"{name}.confusion.svg"] = confusion_figures(name, model["evaluation"])[0]["svg"]
        drawn[f"{name}.calibration.svg"] = calibration_figure(name, model["evaluation"])
        maps = [each["svg"] for each in embedding_figures(context, name)]
        maps = maps or [style.notice(_NO_MAP)]
        drawn[f"{name}.embedding.svg"] = maps[min(1, len(maps) - 1)]
        if model["history"] is not None:
            drawn[f"{name}.curves.svg"] = curves_figure(name, model["history"])
    drawn |= segmentation.standalone_figures(context["segmentation"])
    files = {name: style.standalone(svg).encode() for name, svg in drawn.items()}
    if not context["has_screen"]:
        return files
    painter = _Painter(context)
    rows = {
        name: [painter.rgb(context["images"][unit]) for unit in chosen]
        for name, chosen in _examples(context)
    }
    sheet = pictures.montage(rows) if rows else pictures.notice(_no_examples(context))
    return {**files, "examples.png": sheet}


def _facts(context: Context) -> list[tuple[str, str]]:
    """Give what the run is about, as names and values."""
    if not context["has_screen"]:
        device = context["summary"]["environment"].get("device", "no network was used")
        return [("device", str(device)), ("seed", str(context["config"]["seed"]))]
    inputs, config, units = context["summary"]["inputs"], context["config"], context["units"]
    words = words_of(config["input"])
    if not words.has_plates:
        return [*_class_facts(context), *_run_facts(context)]
    treated = units[(units["role"] != "control") & (units["compound"] != "")]
    mechanisms = units.loc[units["moa"] != "", "moa"].nunique()
    return [
        ("plates", f"{inputs['plates']:,}"),
        ("wells", f"{inputs['wells']:,}"),
        ("sites", f"{inputs['sites']:,}"),
        ("image files", f"{inputs['images']:,}"),
        *([("image sizes", inputs["image_sizes"]["text"])] if "image_sizes" in inputs else []),
        ("batches", f"{units['batch'].nunique():,}"),
        (words.labels, f"{mechanisms:,}"),
        ("compounds", f"{treated['compound'].nunique():,}"),
        ("treatments", f"{treated['treatment'].nunique():,}"),
        *_run_facts(context),
    ]


def _class_facts(context: Context) -> list[tuple[str, str]]:
    """Return what images of classes are about: how many of each class and group."""
    inputs, config, units = context["summary"]["inputs"], context["config"], context["units"]
    counts = units.drop_duplicates("site_id")["moa"].replace("", "unlabelled").value_counts()
    return [
        ("images", f"{inputs['images']:,}"),
        (words_of(config["input"]).labels, ", ".join(f"{k} ({n:,})" for k, n in counts.items())),
        *((plural_of(name), f"{units[name].nunique():,}") for name in config["input"]["groups"]),
    ]


def _run_facts(context: Context) -> list[tuple[str, str]]:
    """Return how a screen was seen and computed with, as names and values."""
    config, summary = context["config"], context["summary"]
    return [
        ("channels", ", ".join(config["input"]["channels"])),
        ("normalization", _normalization_words(config)),
        ("device", str(summary["environment"].get("device", "no network was used"))),
        ("seed", str(config["seed"])),
        ("input digest", str(summary["inputs"]["digest"])[:12]),
    ]


def _normalization_words(config: Mapping[str, Any]) -> str:
    scopes = {"image": " per image", "plate": " per plate", "controls": " from controls"}
    steps = config["normalization"]["steps"]
    if not steps:
        return "none, images as they are"
    return ", then ".join(
        step["method"] + ("" if step["method"] == "anscombe" else scopes[step["scope"]])
        for step in steps
    )


def accuracy_figure(context: Context, *, narrow: bool = False) -> str:
    """Draw all models and baselines with their intervals; narrow: for small screens."""
    metrics = {"accuracy": "accuracy", "balanced accuracy": "balanced_accuracy"}
    rows, words = [], []
    for row in checks.score_table(context):
        values = {}
        for title, key in metrics.items():
            score = row.get("entry", {}).get(key)
            if score:
                values[title] = (float(score["value"]), *checks.interval(score))
        label = f"split {row['label']}" if row["kind"] == "heading" else row["label"]
        rows.append(style.ForestRow(label, row["kind"], values))
        if row["kind"] != "heading":
            words.append(f"{row['label']} {row['accuracy']['value']} %")
    alt = "Accuracy of models and baselines: " + ", ".join(words)
    return style.accuracy_forest(rows, list(metrics), alt, narrow=narrow)


# --- quality -----------------------------------------------------------------------------------


def site_scores(quality: pd.DataFrame, channels: Sequence[str]) -> pd.DataFrame:
    """Reduce the channels of each site to the worst one, for the plate maps.

    Parameters
    ----------
    quality : pandas.DataFrame
        Quality table of one plate.
    channels : sequence of str
        Channel names.

    Returns
    -------
    pandas.DataFrame
        blur (robust z-score of the focus, positive: blurrier than the plate), saturated (largest
        share), foreground (smallest share), brightness (robust z-score of the dimmest or the
        brightest channel, whichever deviates more). Z-scores are those that sites are flagged by.
    """
    z = deviations(quality)
    is_bright = z["bright"] >= -z["dim"]
    return pd.DataFrame(
        {
            "blur": -z["out-of-focus"],
            "saturated": quality[[f"saturated:{c}" for c in channels]].max(axis=1),
            "foreground": quality[[f"foreground:{c}" for c in channels]].min(axis=1),
            "brightness": z["bright"].where(is_bright, z["dim"]),
        }
    )


# Column, title, which site stands for its well, limits, format of the key, diverging.
_PLATE_PANELS = (
    ("blur", "Blur (robust z)", "max", (0.0, 6.0), ".0f", False),
    ("saturated", "Saturated pixels", "max", (0.0, 0.05), ".1%", False),
    ("foreground", "Foreground", "min", (0.0, 0.5), ".0%", False),
    ("brightness", "Brightness (robust z)", "extreme", (-6.0, 6.0), "+.0f", True),
)


def _of_well(values: pd.Series, how: str) -> float:
    if how == "extreme":
        return float(values.iloc[int(values.abs().to_numpy().argmax())])
    return float(values.max() if how == "max" else values.min())


def plate_figures(
    plate: str, quality: pd.DataFrame, channels: Sequence[str], plate_format: int
) -> list[str]:
    """Draw the quality of one plate, a map per measure.

    Parameters
    ----------
    plate : str
        Its name.
    quality : pandas.DataFrame
        Quality of its sites, with the columns well, row and col.
    channels : sequence of str
        Channel names.
    plate_format : {96, 384, 1536}
        Wells of the plate.

    Returns
    -------
    list of str
        SVG texts. A well shows its worst site.
    """
    place = quality[["well", "row", "col", "flagged"]]
    table = pd.concat([place, site_scores(quality, channels)], axis=1)
    flagged = sorted(table.loc[table["flagged"], "well"].unique())
    names = f"flagged wells: {checks.listed(flagged, 12)}" if flagged else "no well is flagged"
    grouped = table.groupby(["row", "col"], sort=True)
    flags = grouped["flagged"].any()
    maps = []
    for column, title, how, limits, tick_format, diverging in _PLATE_PANELS:
        values = grouped[column].apply(_of_well, how)
        wells = pd.DataFrame({"value": values, "flagged": flags}).reset_index()
        alt = f"Plate {plate}, {title.lower()} of every well; {names}"
        maps.append(
            style.plate_map(
                wells,
                plate_format,
                title,
                limits=limits,
                tick_format=tick_format,
                alt=alt,
                diverging=diverging,
            )
        )
    return maps


def _located(quality: pd.DataFrame, plate_format: int) -> pd.DataFrame:
    """Give the quality table with plate, well, row and col, which the site ids tell."""
    places = quality["site_id"].str.split("/", n=2, expand=True)
    wells = {well: parse_well(well, plate_format) for well in places[1].unique()}
    position = np.array([wells[well] for well in places[1]]).reshape(-1, 2)
    return quality.assign(plate=places[0], well=places[1], row=position[:, 0], col=position[:, 1])


def _quality_section(context: Context, painter: _Painter) -> dict[str, Any]:
    config = context["config"]
    channels, plate_format = list(config["input"]["channels"]), config["input"]["plate_format"]
    if not words_of(config["input"]).has_plates:
        return _flagged_images(context, painter)
    table = _located(context["quality"], plate_format)
    grouped = table.groupby("plate", sort=True)["flagged"]
    plates = pd.DataFrame({"sites": grouped.size(), "flagged": grouped.sum()})
    plates["share"] = plates["flagged"] / plates["sites"]
    reviewed = context["summary"]["quality"]
    failed = reviewed.get("flagged_plates", {})
    plates["failed"] = ["; ".join(failed.get(name, {})) for name in plates.index]
    plates["fails"] = plates["failed"] != ""
    plates = plates.sort_values(["fails", "share"], ascending=False, kind="stable")
    drawn = list(plates.index[: config["report"]["max_plates"]])
    by_plate = dict(list(table.groupby("plate")))
    flagged = table[table["flagged"]]
    log.info("report: quality of %d of %d plates", len(drawn), len(plates))
    return {
        "plates": plates.assign(share=plates["share"].map(percent))
        .reset_index()
        .to_dict("records"),
        "maps": [
            {"name": name, "svgs": plate_figures(name, by_plate[name], channels, plate_format)}
            for name in drawn
        ],
        "not_drawn": len(plates) - len(drawn),
        "flagged": flagged[["plate", "well", "site_id", "reasons"]]
        .head(MAX_ROWS)
        .to_dict("records"),
        "n_flagged": len(flagged),
        "reasons": reviewed.get("reasons", {}),
        "failed": failed,
        "by_class": _class_tables(reviewed),
        "brightfield": config["input"].get("brightfield", []),
        "tiles": _flagged_tiles(context, painter),
        "unread": context["quarantined"].head(MAX_ROWS).to_dict("records"),
        "n_unread": len(context["quarantined"]),
    }


def _class_tables(reviewed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table per kind of loss, from the section on quality of summary.json."""
    return [_class_table(what, balance) for what, balance in reviewed.get("by_class", {}).items()]


def _class_table(what: str, balance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is left out of each class as text, the largest share first."""
    rows = [
        {
            "name": name,
            "lost": f"{row['lost']:,}",
            "n": f"{row['n']:,}",
            "share": percent(row["lost"] / row["n"]),
            "p": f"{row['p']:.2g}",
            "is_uneven": row["p"] <= flag_balance.ALPHA,
        }
        for name, row in sorted(
            balance["classes"].items(), key=lambda item: -item[1]["lost"] / item[1]["n"]
        )
    ]
    return {"what": what, "permuted": balance["permuted"], "rows": rows}


def _flagged_images(context: Context, painter: _Painter) -> dict[str, Any]:
    """Return what the section on quality shows of images without plates."""
    flagged = context["quality"][context["quality"]["flagged"]]
    reviewed = context["summary"]["quality"]
    return {
        "plates": [],
        "maps": [],
        "not_drawn": 0,
        "flagged": flagged[["site_id", "reasons"]].head(MAX_ROWS).to_dict("records"),
        "n_flagged": len(flagged),
        "reasons": reviewed.get("reasons", {}),
        "failed": {},
        "by_class": _class_tables(reviewed),
        "brightfield": context["config"]["input"].get("brightfield", []),
        "tiles": _flagged_tiles(context, painter),
        "unread": context["quarantined"].head(MAX_ROWS).to_dict("records"),
        "n_unread": len(context["quarantined"]),
    }


def _flagged_tiles(context: Context, painter: _Painter) -> list[dict[str, Any]]:
    units = context["units"].set_index("unit_id")
    tiles = []
    for row in flagged_units(context["units"], context["quality"]).to_dict("records"):
        reasons = row["reasons"].replace(";", ", ")
        tiles.append(painter.tile(row["unit_id"], units) | {"note": reasons})
    return tiles


# --- images ------------------------------------------------------------------------------------


class _Painter:
    """Turns units into tiles, all in the same light."""

    def __init__(self, context: Context) -> None:
        self.colours = pictures.channel_colours(list(context["config"]["input"]["channels"]))
        self.images = context["images"]
        self.words = words_of(context["config"]["input"])
        self.pixel_um = context["pixel_um"]
        # Flagged sites would set the scale for all others, so that examples set it alone.
        examples = [self.images[unit] for _, chosen in _examples(context) for unit in chosen]
        self.limits = pictures.display_limits(examples, list(self.colours))
        sizes = {image.shape[:2] for image in examples}
        self.bar_um = (
            pictures.scale_bar_length(max(sizes)[1] * self.pixel_um)
            if self.pixel_um and sizes
            else None
        )

    def rgb(self, image: Array) -> npt.NDArray[np.uint8]:
        small = pictures.thumbnail(image, TILE_SIDE)
        rgb = pictures.composite(small, self.limits, list(self.colours.values()))
        if self.bar_um is None or self.pixel_um is None:
            return rgb
        # Thumbnails are shrunk by whole factors.
        pixel_um = self.pixel_um * (image.shape[1] // small.shape[1])
        return pictures.with_scale_bar(rgb, self.bar_um / pixel_um)

    def source(self, image: Array) -> str:
        encoded = base64.b64encode(pictures.jpeg(self.rgb(image))).decode("ascii")
        return f"data:image/jpeg;base64,{encoded}"

    def tile(self, unit_id: str, units: pd.DataFrame) -> dict[str, Any]:
        unit = cast(dict[str, Any], units.loc[unit_id].to_dict())
        if not self.words.has_plates:
            label = str(unit["moa"]) or "unlabelled"
            return {
                "src": self.source(self.images[unit_id]),
                "alt": f"{unit_id}, {self.words.label} {label}",
                "treatment": label,
                "place": unit_id,
            }
        dose = "" if pd.isna(unit["concentration"]) else f" {unit['concentration']:g} µM"
        treatment = f"{unit['compound']}{dose}"
        return {
            "src": self.source(self.images[unit_id]),
            "alt": f"{unit_id}: {treatment}, plate {unit['plate']}, well {unit['well']}",
            "treatment": treatment,
            "place": unit_id,
        }


def _examples(context: Context) -> list[tuple[str, list[str]]]:
    config = context["config"]
    return example_units(
        context["units"],
        int(config["seed"]),
        config["report"]["max_examples"],
        with_flagged=not config["quality"]["exclude_flagged"],
    )


_NO_MAP = "Fewer than 3 units have features: there is no map of them."


def _no_examples(context: Context) -> str:
    """Return why there are no example images."""
    count = len(context["units"])
    return f"No images to show: all {count:,} units are flagged or have too little foreground."


def _examples_section(context: Context, painter: _Painter) -> list[dict[str, Any]]:
    units = context["units"].set_index("unit_id")
    return [
        {"name": name, "tiles": [painter.tile(unit, units) for unit in chosen]}
        for name, chosen in _examples(context)
    ]


def _augmentation_section(context: Context, painter: _Painter) -> list[list[dict[str, str]]]:
    preview = context["augmentation"]
    if preview is None:
        return []
    return [
        [
            {
                "src": painter.source(image),
                "alt": f"Unit {number + 1}, " + (f"augmented, version {k}" if k else "as it is"),
            }
            for k, image in enumerate(row)
        ]
        for number, row in enumerate(preview)
    ]


# --- splits ------------------------------------------------------------------------------------


def _split_section(context: Context, name: str) -> dict[str, Any]:
    split = context["splits"][name]
    table = split["table"]
    first = table[table["repeat"] == table["repeat"].min()]
    return {
        "name": name,
        "method": split["config"]["method"],
        "svg": split_figure(context, name),
        "repeats": int(table["repeat"].nunique()),
        "folds": int(first["fold"].nunique()),
        "groups": int(first["group"].nunique()),
        "tested_on": checks.tested_on(split["config"]),
        "not_tested": checks.caveat(context, name),
        "audit": split["audit"],
        "audit_words": checks.audit_words(split["audit"]),
        "audit_gaps": checks.gaps_words(split["audit"]),
    }


def split_figure(context: Context, name: str) -> str:
    """Draw the first repeat of a split: groups against folds, or bars where there are too many."""
    split = context["splits"][name]
    table = split["table"]
    first = table[table["repeat"] == table["repeat"].min()]
    moa = context["units"].set_index("unit_id")["moa"]
    members = split["groups"].assign(moa=split["groups"]["unit_id"].map(moa))
    folds = first.drop_duplicates("fold").sort_values("fold")
    if max(first["group"].nunique(), len(folds)) > MAX_SPLIT_CELLS:
        return _split_bars(name, first, members, folds)
    classes = members.groupby("group")["moa"].agg(["first", "nunique"])
    # A group that mixes classes (a plate, a batch) belongs under no single one.
    pure = bool((classes["nunique"] == 1).all())
    sections = classes["first"].to_dict() if pure else {}
    order = sorted(first["group"].unique(), key=lambda group: (sections.get(group, ""), group))
    wide = first.pivot(index="group", columns="fold", values="set")
    wide = wide.reindex(index=order, columns=folds["fold"]).fillna("")
    alt = (
        f"Split {name}: {len(order)} groups by {amount(len(folds), 'fold')}; each fold tests on "
        "the groups marked as test and learns from the others"
    )
    return style.split_picture(
        wide.to_numpy().tolist(), order, len(folds), [sections.get(g, "") for g in order], alt
    )


def _split_bars(name: str, first: pd.DataFrame, members: pd.DataFrame, folds: pd.DataFrame) -> str:
    sizes = members.groupby("group").size().rename("units")
    shown = folds.head(MAX_SPLIT_CELLS)
    rows = first[first["fold"].isin(shown["fold"])].join(sizes, on="group")
    counts = rows.pivot_table(
        index="fold", columns="set", values="units", aggfunc="sum", fill_value=0
    ).reindex(index=shown["fold"], columns=list(style.SETS), fill_value=0)
    counts.index = pd.Index([str(fold) for fold in shown["fold_name"]])
    alt = f"Split {name}: units in training, validation and test of {amount(len(shown), 'fold')}"
    return style.split_bars(counts, alt)


# --- models ------------------------------------------------------------------------------------


def _model_section(context: Context, name: str, painter: _Painter) -> dict[str, Any]:
    model = context["models"][name]
    entry, history, embedding = model["evaluation"], model["history"], model["embedding"]
    counts = np.asarray(entry["details"]["confusion"]["unit"])
    return {
        "name": name,
        "config": model["config"],
        "split": entry["split"],
        "row": checks.score_row("model", name, entry),
        "n": entry["n"],
        "units": checks.units_word(entry),
        "verdict": verdicts.verdict(entry, words=painter.words),
        "exchanged": painter.words.exchanged(entry),
        "null": entry["accuracy"].get("null"),
        "p": entry["accuracy"].get("p"),
        "p_reason": entry["accuracy"].get("p_reason"),
        "comparisons": checks.comparison_rows(entry),
        "places": checks.place_rows(entry),
        "selection": checks.selection_rows(entry),
        "confusions": confusion_figures(name, entry),
        "per_class": _per_class_rows(entry, counts),
        "compounds": _compound_rows(model["predictions"], context["units"])
        if painter.words.has_plates
        else [],
        "folds": entry["details"]["folds"][:MAX_ROWS],
        "calibration": calibration_figure(name, entry),
        "calibration_words": checks.calibration_words(entry),
        "curves": None if history is None else curves_figure(name, history),
        "mistakes": _mistake_tiles(context, entry, painter),
        "n_mistakes": int(counts.sum() - counts.trace()),
        "embedding": embedding_figures(context, name),
        "n_embedding": 0 if embedding is None else len(embedding),
    }


def confusion_figures(name: str, entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """Draw the confusion matrix of a model at every level that was scored.

    Parameters
    ----------
    name : str
        Of the model.
    entry : mapping
        Its evaluation.

    Returns
    -------
    list of dict
        title (the level) and svg; units first.
    """
    details = entry["details"]
    found = []
    for level in details["confusion"]:
        title = checks.units_word(entry, 1) if level == "unit" else level
        counts = np.asarray(details["confusion"][level])
        right = percent(float(counts.trace() / max(1, counts.sum())))
        alt = (
            f"Confusion matrix of {name} by {title}: {right} % of {counts.sum():,} on the "
            f"diagonal. {_worst_confusions(counts, details['classes'])}"
        )
        svg = style.confusion_matrix(counts, details["classes"], alt)
        found.append({"title": f"by {title}", "svg": svg})
    return found


def _worst_confusions(counts: npt.NDArray[Any], classes: Sequence[str], n: int = 3) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    named = [
        f"{classes[true]} called {classes[called]} {wrong[true, called]:,} times"
        for true, called in pairs
        if wrong[true, called]
    ]
    return "Most frequent confusions: " + "; ".join(named) if named else "No confusions"


def _per_class_rows(entry: Mapping[str, Any], counts: npt.NDArray[Any]) -> list[dict[str, Any]]:
    classes = list(entry["details"]["classes"])
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    rows = []
    for index, name in enumerate(classes):
        scores = entry["per_class"][name]
        mostly, recall = int(wrong[index].argmax()), scores["recall"]
        rows.append(
            {
                "name": name,
                "n": scores["n"],
                **{key: percent(scores[key]) for key in ("precision", "f1")},
                "recall": checks.score(scores, "recall"),
                "recall_share": float(recall["value"] or 0.0),
                "mostly": classes[mostly] if wrong[index, mostly] else "",
                "mostly_n": int(wrong[index, mostly]),
            }
        )
    return rows


def _compound_rows(predictions: pd.DataFrame, units: pd.DataFrame) -> list[dict[str, Any]]:
    """How each compound was called, the worst first: what to look at again."""
    known = units.set_index("unit_id")[["compound", "treatment"]]
    table = predictions[["unit_id", "moa", "predicted"]].join(known, on="unit_id")
    table["right"] = table["moa"] == table["predicted"]
    rows: list[dict[str, Any]] = []
    for (compound, moa), calls in table.groupby(["compound", "moa"], sort=True):
        others = calls.loc[~calls["right"], "predicted"].value_counts()
        rows.append(
            {
                "compound": compound,
                "moa": moa,
                "n": int(calls["unit_id"].nunique()),
                "treatments": int(calls["treatment"].nunique()),
                "share": float(calls["right"].mean()),
                "mostly": str(others.index[0]) if len(others) else "",
                "mostly_share": percent(others.iloc[0] / len(calls), 0) if len(others) else "",
            }
        )
    return sorted(rows, key=lambda row: row["share"])[:MAX_ROWS]


def calibration_figure(name: str, entry: Mapping[str, Any]) -> str:
    """Draw the reliability diagram of a model."""
    bins = pd.DataFrame(entry["details"]["reliability"]).astype(float)
    error = percent(entry["calibration_error"])
    alt = f"Reliability diagram of {name}: expected calibration error {error} %"
    return style.reliability_diagram(bins["confidence"], bins["accuracy"], bins["n"], alt)


def curves_figure(name: str, history: pd.DataFrame) -> str:
    """Draw the training curves of a model."""
    folds = len(history[["repeat", "fold"]].drop_duplicates())
    return style.training_curves(history, f"Training curves of {name}, {amount(folds, 'fold')}")


def _mistake_tiles(
    context: Context, entry: Mapping[str, Any], painter: _Painter
) -> list[dict[str, Any]]:
    units = context["units"].set_index("unit_id")
    tiles = []
    for mistake in shown_mistakes(entry):
        call = f"{mistake['predicted']}, {percent(mistake['confidence'], 0)} % sure"
        tile = painter.tile(mistake["unit_id"], units)
        tile["alt"] += f": {mistake['moa']}, called {call}"
        tiles.append({**tile, "true": mistake["moa"], "called": call})
    return tiles


def embedding_figures(context: Context, name: str) -> list[dict[str, str]]:
    """Draw the embedding of a model.

    Parameters
    ----------
    context : Context
        See there.
    name : str
        Of the model.

    Returns
    -------
    list of dict
        caption and svg: principal components and t-SNE by class, t-SNE by batch or the first free
        group; fewer where there are too few units, none where there is no embedding.
    """
    embedding = context["models"][name]["embedding"]
    if embedding is None:
        return []
    words = words_of(context["config"]["input"])
    groups = ["batch"] if words.has_plates else list(context["config"]["input"]["groups"])[:1]
    columns = ["moa", "role", *groups]
    table = embedding.join(context["units"].set_index("unit_id")[columns], on="unit_id")
    labels = class_labels(table)
    shares = [f" ({percent(share, 0)} % of variance)" for share in embedding.attrs["explained"]]
    components = tuple(f"component {k + 1}{shares[k]}" for k in range(2))
    plots = [(f"Principal components, by {words.short}", "pca", components, labels)]
    if "tsne_1" in table:
        axes = ("t-SNE 1", "t-SNE 2")
        plots.append((f"t-SNE, by {words.short}", "tsne", axes, labels))
        plots += [(f"t-SNE, by {name}", "tsne", axes, table[name]) for name in groups]
    return [
        {
            "caption": caption,
            "svg": style.scatter_map(
                table[f"{kind}_1"],
                table[f"{kind}_2"],
                groups.tolist(),
                order=class_order(groups),
                labels=cast(tuple[str, str], axes),
                alt=f"{caption}: {len(table):,} units of model {name}",
            ),
        }
        for caption, kind, axes, groups in plots
    ]
