"""Image quality in the report: plate maps, tables and flagged sites."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from moascope.preprocessing import flag_balance
from moascope.preprocessing.quality import deviations
from moascope.report import wording
from moascope.report.context import (
    Context,
    flagged_units,
)
from moascope.report.figures import plate_map
from moascope.report.tiles import (
    Painter,
)
from moascope.report.wording import (
    percent,
)
from moascope.screen.wells import parse_well

log = logging.getLogger(__name__)

MAX_ROWS = 200


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


# Column, title, site shown for its well, limits, format of the key, diverging.
_PLATE_PANELS = (
    ("blur", "Blur (robust z)", "max", (0.0, 6.0), ".0f", False),
    ("saturated", "Saturated pixels", "max", (0.0, 0.05), ".1%", False),
    ("foreground", "Foreground", "min", (0.0, 0.5), ".0%", False),
    ("brightness", "Brightness (robust z)", "extreme", (-6.0, 6.0), "+.0f", True),
)


def _worst_site(values: pd.Series, how: str) -> float:
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
    names = f"flagged wells: {wording.join_names(flagged, 12)}" if flagged else "no well is flagged"
    grouped = table.groupby(["row", "col"], sort=True)
    flags = grouped["flagged"].any()
    maps = []
    for column, title, how, limits, tick_format, diverging in _PLATE_PANELS:
        values = grouped[column].apply(_worst_site, how)
        wells = pd.DataFrame({"value": values, "flagged": flags}).reset_index()
        alt = f"Plate {plate}, {title.lower()} of every well; {names}"
        maps.append(
            plate_map.plate_map(
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


def _with_positions(quality: pd.DataFrame, plate_format: int) -> pd.DataFrame:
    """Return the quality table with plate, well, row and col of each site."""
    places = quality["site_id"].str.split("/", n=2, expand=True)
    wells = {well: parse_well(well, plate_format) for well in places[1].unique()}
    position = np.array([wells[well] for well in places[1]]).reshape(-1, 2)
    return quality.assign(plate=places[0], well=places[1], row=position[:, 0], col=position[:, 1])


def quality_section(context: Context, painter: Painter) -> dict[str, Any]:
    """Return the tables, plate maps and tiles of the section for the template."""
    reviewed = context.summary["quality"]
    tables = (_plates if context.options.words.has_plates else _images)(context)
    return {
        **tables,
        "reasons": reviewed.get("reasons", {}),
        "by_class": [
            _class_table(what, balance) for what, balance in reviewed.get("by_class", {}).items()
        ],
        "brightfield": context.options.brightfield,
        "tiles": _flagged_tiles(context, painter),
        "unread": context.quarantined.head(MAX_ROWS).to_dict("records"),
        "n_unread": len(context.quarantined),
    }


def _plates(context: Context) -> dict[str, Any]:
    """Return the tables and maps of plates, those with most flagged sites first."""
    options = context.options
    table = _with_positions(context.quality, options.plate_format)
    grouped = table.groupby("plate", sort=True)["flagged"]
    plates = pd.DataFrame({"sites": grouped.size(), "flagged": grouped.sum()})
    plates["share"] = plates["flagged"] / plates["sites"]
    failed = context.summary["quality"].get("flagged_plates", {})
    plates["failed"] = ["; ".join(failed.get(name, {})) for name in plates.index]
    plates["fails"] = plates["failed"] != ""
    plates = plates.sort_values(["fails", "share"], ascending=False, kind="stable")
    drawn = list(plates.index[: options.report.max_plates])
    by_plate = dict(list(table.groupby("plate")))
    flagged = table[table["flagged"]]
    columns = ["plate", "well", "site_id", "reasons"]
    log.info("report: quality of %d of %d plates", len(drawn), len(plates))
    return {
        "plates": plates.assign(share=plates["share"].map(percent))
        .reset_index()
        .to_dict("records"),
        "maps": [
            {
                "name": name,
                "svgs": plate_figures(name, by_plate[name], options.channels, options.plate_format),
            }
            for name in drawn
        ],
        "not_drawn": len(plates) - len(drawn),
        "flagged": flagged[columns].head(MAX_ROWS).to_dict("records"),
        "n_flagged": len(flagged),
        "failed": failed,
    }


def _images(context: Context) -> dict[str, Any]:
    """Return the flagged images of a screen without plates."""
    flagged = context.quality[context.quality["flagged"]]
    return {
        "plates": [],
        "maps": [],
        "not_drawn": 0,
        "flagged": flagged[["site_id", "reasons"]].head(MAX_ROWS).to_dict("records"),
        "n_flagged": len(flagged),
        "failed": {},
    }


def _class_table(what: str, balance: flag_balance.Balance) -> dict[str, Any]:
    """Return the losses of each class as text, the largest share first."""
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


def _flagged_tiles(context: Context, painter: Painter) -> list[dict[str, Any]]:
    units = context.units.set_index("unit_id")
    tiles = []
    for row in flagged_units(context.units, context.quality).to_dict("records"):
        reasons = row["reasons"].replace(";", ", ")
        tiles.append(painter.tile(row["unit_id"], units) | {"note": reasons})
    return tiles
