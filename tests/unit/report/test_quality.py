"""Image quality in the report."""

import numpy as np
import pandas as pd
import pytest
from report_pages import Outline, changed, reviewed, statuses

from moascope.core.statistics.robust import robust_z
from moascope.preprocessing.quality import deviations
from moascope.report import page as report
from moascope.report import quality as report_quality


def test_only_the_worst_plates_are_drawn_and_the_rest_is_counted(brief):
    parts = [brief.quality]
    for number in range(30):
        table = brief.quality.copy()
        names = table["site_id"].str.replace("Week", f"Copy{number}_")
        parts.append(table.assign(site_id=names, flagged=False, reasons=""))
    many = changed(brief, quality=pd.concat(parts, ignore_index=True))
    many.config["report"]["max_plates"] = 3
    page = report.build(many)
    assert page.count("<summary>Plate ") == 3
    assert "<summary>Plate Week1_22123" in page
    assert "59 are not" in Outline(page).text
    assert len(page) < 3e6


def test_plates_that_fail_as_a_whole_are_named_and_drawn_first(brief):
    failed = {"Week2_24121": {"out-of-focus": "DNA: sharpness -2.40, limit -1.85"}}
    failing = reviewed(brief, flagged_plates=failed)
    warning = {"id": "failed-plate", "about": "Week2_24121", "text": "It fails."}
    failing.summary["warnings"] = [warning]
    page = report.build(failing)
    text = Outline(page).text
    assert "Plates that fail as a whole" in text
    assert "DNA: sharpness -2.40, limit -1.85" in text
    assert "<summary>Plate Week2_24121" in page  # though only the other has flagged sites
    assert "<summary>Plate Week1_22123" not in page
    assert statuses(failing)["Quality of Week2_24121"] == "warn"


def test_flags_are_shown_by_class(brief):
    classes = {"A": {"n": 30, "lost": 29, "p": 0.0005}, "B": {"n": 40, "lost": 1, "p": 0.3}}
    balance = {"flagged sites": {"permuted": "well", "p": 0.0005, "classes": classes}}
    text = " ".join(Outline(report.build(reviewed(brief, by_class=balance))).text.split())
    assert "Flagged sites by class" in text
    assert "permutation test of classes among wells" in text
    page = report.build(reviewed(brief, by_class=balance))
    assert '<td>29</td><td>30</td><td>96.7</td><td class="wrong">0.0005</td>' in page
    assert "<td>1</td><td>40</td><td>2.5</td><td>0.3</td>" in page


def test_brightfield_channels_are_named(brief):
    assert "Treated as brightfield" not in Outline(report.build(brief)).text
    declared = changed(brief)
    declared.config["input"]["brightfield"] = ["DNA"]
    assert (
        "Treated as brightfield, with the focus measured by texture: DNA."
        in Outline(report.build(declared)).text
    )


def test_a_screen_without_flagged_sites_is_reported(brief):
    quality = brief.quality.assign(flagged=False, reasons="")
    clean = changed(brief, quality=quality)
    assert statuses(clean)["No site flagged"] == "ok"
    assert "No site is flagged." in Outline(report.build(clean)).text


def test_unreadable_sites_are_named(brief):
    lost = pd.DataFrame(
        {
            "site_id": ["P1/A01/1", "P1/A02/1"],
            "reason": ["unreadable", "missing"],
            "message": ["truncated TIFF", "no such file"],
        }
    )
    broken = changed(brief, quarantined=lost)
    assert statuses(broken)["2 sites could not be read"] == "warn"
    text = Outline(report.build(broken)).text
    assert "truncated TIFF" in text
    assert "Images are missing: P1/A02/1. Images are unreadable: P1/A01/1." in text


def test_site_scores_are_those_of_the_worst_channel():
    n = 21
    quality = pd.DataFrame(
        {
            f"{measure}:{channel}": np.linspace(0.9, 1.1, n)
            for measure in (
                "focus_laplacian",
                "focus_slope",
                "mean",
                "p99",
                "saturated",
                "foreground",
            )
            for channel in ("a", "b")
        }
    )
    quality.loc[3, "focus_laplacian:b"] = 0.01
    quality.loc[4, "mean:a"] = 90.0
    quality.loc[5, "saturated:b"] = 3.0
    quality.loc[6, "foreground:a"] = 0.0
    scores = report_quality.site_scores(quality, ["a", "b"])
    assert scores["blur"].idxmax() == 3
    assert scores["brightness"].idxmax() == 4
    assert scores["saturated"].idxmax() == 5
    assert scores["foreground"].idxmin() == 6
    assert (scores["blur"].drop(3) < 4).all()


def test_site_scores_are_the_values_that_sites_are_flagged_by():
    """With sites that hardly differ, plain robust z-scores would be far larger."""
    rng = np.random.default_rng(0)
    measures = ("focus_laplacian", "mean", "p99", "saturated", "foreground")
    quality = pd.DataFrame(
        {f"{measure}:a": np.exp(rng.normal(0, 0.005, 40)) for measure in measures}
    )
    quality["focus_slope:a"] = rng.normal(-2, 0.005, 40)
    quality.loc[7, "focus_laplacian:a"] *= np.exp(-0.1)
    quality.loc[9, ["p99:a", "mean:a"]] *= np.exp(-0.1)
    scores = report_quality.site_scores(quality, ["a"])
    flagging = deviations(quality)
    assert scores["blur"][7] == pytest.approx(-flagging["out-of-focus"][7])
    assert scores["blur"][7] < 1
    assert -robust_z(np.log(quality["focus_laplacian:a"]))[7] > 9
    assert scores["brightness"][9] == pytest.approx(flagging["dim"][9])


def test_a_plate_without_spread_scores_zero():
    measures = ("focus_laplacian", "focus_slope", "mean", "p99")
    quality = pd.DataFrame({f"{m}:a": [1.0] * 4 for m in measures})
    quality["saturated:a"], quality["foreground:a"] = 0.0, 0.5
    assert not report_quality.site_scores(quality, ["a"])[["blur", "brightness"]].any(axis=None)
