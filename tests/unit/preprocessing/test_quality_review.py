"""Review of the quality of a screen."""

import logging

import pandas as pd
import pytest

from moascope.preprocessing.quality_measures.options import Quality
from moascope.preprocessing.quality_review import review
from moascope.screen.wording import MECHANISM, Words

CHANNELS = ["DNA"]


def screen(n=40):
    """Four plates of as many good sites, of two classes in turn."""
    rows = [
        {
            "site_id": f"P{plate}/{well}/1",
            "plate": f"P{plate}",
            "well": f"W{well}",
            "moa": "AB"[well % 2],
            "role": "treated",
        }
        for plate in range(4)
        for well in range(n)
    ]
    sites = pd.DataFrame(rows)
    measures = {"sharpness": -1.0, "saturated": 0.0, "mean": 500.0, "foreground": 0.3}
    measures |= {"p1": 100.0, "p50": 150.0, "p99": 900.0}
    quality = sites[["site_id"]].assign(
        status="ok", flagged=False, reasons="", **{f"{k}:DNA": v for k, v in measures.items()}
    )
    units = sites.assign(unit_id=sites["site_id"], flagged=False, usable=True)
    return sites, quality, units


def reviewed(tables, brightfield=(), include_controls=False, words=MECHANISM, **options):
    return review(
        *tables,
        CHANNELS,
        Quality(**options),
        brightfield=brightfield,
        include_controls=include_controls,
        words=words,
    )


def test_a_good_screen_has_nothing_to_warn_of():
    assert reviewed(screen()) == {
        "flagged_plates": {},
        "by_class": {},
        "undeclared_brightfield": {},
        "warnings": [],
    }


def test_a_failing_plate_is_warned_of_and_logged(caplog):
    sites, quality, units = screen()
    quality.loc[sites["plate"] == "P2", "sharpness:DNA"] = -2.4
    with caplog.at_level(logging.WARNING):
        found = reviewed((sites, quality, units))
    assert list(found["flagged_plates"]) == ["P2"]
    (warning,) = found["warnings"]
    assert (warning["id"], warning["about"]) == ("failed-plate", "P2")
    assert warning["text"] == (
        "The plate as a whole fails quality control: out-of-focus (DNA: sharpness -2.40, limit "
        "-1.85); blurrier (DNA: 0.04 times the median of the other plates (robust z -9.3)). It is "
        "kept. Look at the images; set quality.exclude_flagged_plates: true to leave it out of "
        "classification."
    )
    assert f"P2: {warning['text']}" in caplog.text


def test_plates_that_fail_alike_share_a_warning():
    sites, quality, units = screen()
    quality["saturated:DNA"] = 0.2
    (warning,) = reviewed((sites, quality, units), exclude_flagged_plates=True)["warnings"]
    assert warning["about"] == "P0, P1, P2, P3"
    assert warning["text"] == (
        "4 plates as a whole fail quality control, first P0: saturated (DNA: 20.0% of pixels, "
        "limit 1.0%). They are left out of classification."
    )


@pytest.mark.parametrize(("exclude", "kept"), [(True, "left out of"), (False, "kept in")])
def test_flags_in_one_class_are_warned_of(exclude, kept):
    sites, quality, units = screen()
    quality["flagged"] = (sites["moa"] == "A") & sites["plate"].isin(["P0", "P1"])
    found = reviewed((sites, quality, units), exclude_flagged=exclude)
    assert found["by_class"]["flagged sites"]["classes"]["A"]["lost"] == 40
    warning = next(w for w in found["warnings"] if w["id"] == "uneven-flags")
    assert warning["about"] == "flagged sites"
    assert "“A” 40 of 80 (the others 0 of 80, p = 0.0005)" in warning["text"]
    assert f"They are {kept} classification" in warning["text"]


def test_images_of_one_class_that_cannot_be_read_are_warned_of():
    sites, quality, units = screen()
    lost = (sites["moa"] == "B") & (sites["plate"] == "P3")
    quality["flagged"] = quality["flagged"].astype(object)
    quality.loc[lost, ["status", "flagged"]] = ["quarantined", None]
    found = reviewed((sites, quality, units[~lost]))
    assert [w["about"] for w in found["warnings"]] == ["unreadable sites"]


def test_tiles_of_one_class_without_foreground_are_warned_of():
    sites, quality, units = screen()
    units["usable"] = (units["moa"] == "A") | (units["plate"] == "P1")
    found = reviewed((sites, quality, units))
    assert [w["about"] for w in found["warnings"]] == ["units without foreground"]


def test_flags_of_units_whose_label_is_not_used_do_not_count():
    sites, quality, units = screen()
    sites.loc[sites["moa"] == "A", "role"] = "control"
    quality["flagged"] = sites["role"] == "control"
    quality.loc[1, "flagged"] = True
    tables = (sites, quality, units)
    assert list(reviewed(tables)["by_class"]["flagged sites"]["classes"]) == ["B"]
    both = reviewed(tables, include_controls=True)["by_class"]["flagged sites"]["classes"]
    assert list(both) == ["A", "B"]


def test_a_channel_that_looks_like_brightfield_is_warned_of_with_the_key():
    sites, quality, units = screen()
    quality["p50:DNA"] = 850.0
    (warning,) = reviewed((sites, quality, units))["warnings"]
    assert warning["id"] == "undeclared-brightfield"
    assert "Set input.brightfield: [DNA]" in warning["text"]
    assert reviewed((sites, quality, units), brightfield=["DNA"])["warnings"] == []


def test_images_without_plates_get_no_verdict_on_plates_and_are_counted_as_images():
    sites, quality, units = screen()
    sites["plate"] = "part-1-of-1"
    sites["well"] = sites["site_id"]
    quality["flagged"] = sites["moa"] == "A"
    quality["sharpness:DNA"] = -2.4
    found = reviewed((sites, quality, units), words=Words("class", "class", has_plates=False))
    assert found["flagged_plates"] == {}
    assert found["by_class"]["flagged images"]["permuted"] == "image"
    (warning,) = found["warnings"]
    assert warning["about"] == "flagged images"
    assert "permutation test of classes among images." in warning["text"]
    assert not {"plate", "well", "site"} & set(warning["text"].lower().split())
