"""Images without plates or wells: folders of classes, or a sheet with a label."""

import pandas as pd
import pytest
from class_folders import folder, sheet
from image_units import predict, units_of
from screens import change
from unit_tables import check_sites, make_split

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.config.loading import load
from moascope.core.errors import InputError
from moascope.report import verdicts
from moascope.screen.formats.classes import parts_of
from moascope.screen.plates import plate_names
from moascope.screen.site_table import read_screen, read_sites, summarise
from moascope.screen.wording import words_of
from moascope.splits.preview import preview


def raw(**changes):
    section = {
        "run": "r",
        "input": {"format": "classes", "images": "i", "channels": {"a": 0, "b": 1, "c": 2}},
        "splits": {"s": {"method": "stratified-k-fold"}},
        "models": {"m": {"split": "s"}},
    }
    for key, value in changes.items():
        section[key] = {**section.get(key, {}), **value}
    return section


def test_keys_of_plates_have_no_effect_on_images_without_plates():
    with pytest.raises(InputError, match=r"exclude_flagged_plates.*input\.format 'classes'"):
        load(raw(quality={"exclude_flagged_plates": True}))


def test_a_folder_per_class_is_read_with_file_names_as_names(tmp_path):
    section = folder(tmp_path, "sick/a b.png", "sick/deep/2.TIF", "well/1.png", "sick/notes.txt")
    sites = read_sites(section)
    assert sites.set_index("site_id")["moa"].to_dict() == {
        "sick/a b.png": "sick",
        "sick/deep/2.TIF": "sick",
        "well/1.png": "well",
    }
    assert (sites["image"] == sites["site_id"]).all()
    assert list(sites["path:grey"]) == [str(tmp_path / name) for name in sites["site_id"]]
    assert (sites["index:grey"] == 0).all()
    assert (sites["role"] == "treated").all()
    assert set(sites["compound"]) == set(sites["treatment"]) == {""}


def test_images_outside_class_folders_are_counted(tmp_path):
    section = folder(tmp_path, "a/1.png", "2.png", "3.png")
    notes = read_screen(section)[1]
    assert notes == [
        f"{tmp_path}: 1 image files are read; left out: 2 image file(s) outside the folders of "
        "classes, such as '2.png'"
    ]


def test_a_folder_without_class_folders_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"lies in the folder of a class, such as '1\.png'; add a"):
        read_sites(folder(tmp_path, "1.png"))


def test_folders_of_sets_are_recognised(tmp_path):
    names = ["Train/sick/1.png", "Train/well/2.png", "val/sick/3.png", "test/well/4.png"]
    sites = read_sites(folder(tmp_path, *names)).set_index("site_id")
    assert sites["moa"].to_dict() == dict(zip(names, ["sick", "well", "sick", "well"], strict=True))
    assert sites["given_set"].to_dict() == dict(
        zip(names, ["train", "train", "validation", "test"], strict=True)
    )


def test_a_pattern_finds_class_set_and_groups(tmp_path):
    section = folder(
        tmp_path,
        "a/p1_1.png",
        "b/p2_1.png",
        pattern=r"(?P<label>[^/]+)/(?P<patient>p\d)_\d\.png",
        groups=["patient"],
    )
    assert list(read_sites(section).sort_values("site_id")["patient"]) == ["p1", "p2"]
    section = change(section, pattern=r"(?P<kind>[^/]+)/.*")
    with pytest.raises(InputError, match="lacks the named groups label"):
        read_sites(section)


def test_a_missing_label_column_is_named_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match=r"input\.columns\.label: .*did you mean 'Label'\?"):
        read_sites(sheet(tmp_path, "path,Label\n1.png,x\n", "1.png"))


def test_channels_are_planes(tmp_path):
    section = folder(tmp_path, "a/1.png", "b/1.png", channels={"red": 0, "green": "DAPI"})
    with pytest.raises(InputError, match=r"input\.channels\.green: 'DAPI' is not a plane number"):
        read_sites(section)


def test_parts_know_no_class_and_stay_as_images_are_added():
    names = [f"{kind}/{k}.png" for kind in ("x", "y") for k in range(1400)]
    parts = parts_of(names)
    counts = pd.crosstab(pd.Series(parts).str.len() * 0 + 0, pd.Series(parts))
    assert counts.shape[1] == 4
    assert counts.to_numpy().max() <= 1536
    share = pd.Series([name[0] == "x" for name in parts]).groupby(list(parts.values())).mean()
    assert share.between(0.4, 0.6).all()
    more = parts_of([*names, *(f"z/{k}.png" for k in range(100))])
    assert all(more[name] == part for name, part in parts.items())
    assert set(parts_of(["a"]).values()) == {"part-1-of-1"}


def test_parts_are_named_alike_by_the_workflow_and_the_table(tmp_path):
    section = folder(tmp_path, *(f"{'xy'[k % 2]}/{k}.png" for k in range(900)))
    sites = read_sites(section, check_files=False)
    assert plate_names(section.input) == sorted(sites["plate"].unique())
    assert not sites.duplicated(["plate", "well"]).any()


def test_a_fixed_list_names_images_or_free_groups(tmp_path):
    sites = read_sites(
        folder(
            tmp_path / "i",
            *(f"{c}/p{k}_1.png" for c in "xy" for k in range(4)),
            pattern=r"(?P<label>[^/]+)/(?P<patient>p\d)_\d\.png",
            groups=["patient"],
        )
    )
    units = sites.assign(unit_id=sites["site_id"], tile=0, usable=True, flagged=False)
    file = tmp_path / "list.csv"
    file.write_text("patient,set\np0,train\np1,train\np2,test\n")
    split, _ = make_split(units, {"method": "fixed", "file": str(file)}, seed=1)
    assert split.set_index("group")["set"].to_dict() == {"p0": "train", "p1": "train", "p2": "test"}
    file.write_text("image,set\nx/p0_1.png,train\ny/p0_1.png,train\nx/p2_1.png,test\n")
    split, _ = make_split(units, {"method": "fixed", "file": str(file)}, seed=1)
    assert len(split) == 3


@pytest.mark.parametrize(
    "method",
    [
        "leave-one-compound-out",
        "leave-one-batch-out",
        "leave-one-plate-out",
        "leave-compound-and-batch-out",
    ],
)
def test_splits_by_what_is_not_there_are_refused_with_the_fix(method):
    with pytest.raises(InputError) as caught:
        load(raw(input={"groups": ["patient"]}, splits={"s": {"method": method}}))
    assert (
        f"splits.s.method: {method!r} holds out groups that format 'classes' does not have; set "
        "stratified-k-fold, fixed, or group-k-fold or leave-one-group-out with `group` (there "
        "are: patient)"
    ) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": {"controls": ["DMSO"]}}, "controls: format 'classes' has no plates"),
        ({"input": {"platemap": "p.csv"}}, "platemap: format 'classes' has no plates"),
        ({"input": {"columns": {"well": "w"}}}, r"columns\.well: format 'classes' has"),
        (
            {"normalization": {"steps": [{"method": "zscore", "scope": "controls"}]}},
            r"steps\[0\]\.scope: 'controls' takes statistics from controls, and format 'classes'",
        ),
        (
            {"splits": {"s": {"method": "group-k-fold"}}},
            r"splits\.s\.group: 'compound' is no group of the images; .*there are: none yet",
        ),
        ({"evaluation": {"independent_unit": "well"}}, "unknown unit 'well'. Use auto, image"),
    ],
)
def test_keys_of_plates_are_refused_with_the_reason(changes, message):
    with pytest.raises(InputError, match=message):
        load(raw(**changes))


def test_defaults_fit_images_without_plates():
    found = load(raw(input={"groups": ["patient"]}))
    assert found.splits["s"].audit.groups == ["image", "patient"]
    kinds = ["majority", "channel-mean-sd", "hand-crafted", "hand-crafted-lda", "hand-crafted-svm"]
    assert found.baselines() == kinds
    assert found.unit() == "image"
    assert found.exchanged("s") == ["patient"]
    assert load(raw()).exchanged("s") == ["image"]


def test_what_is_wrong_with_input_splits_and_normalization_comes_at_once():
    with pytest.raises(InputError) as caught:
        load(
            raw(
                input={"controls": ["DMSO"]},
                splits={"s": {"method": "leave-one-plate-out"}},
                normalization={"steps": [{"method": "zscore", "scope": "controls"}]},
            )
        )
    for key in ("input.controls", "splits.s.method", "normalization.steps[0].scope"):
        assert f"- {key}: " in str(caught.value)


OPTIONS = Evaluation(permutations=200)


def test_a_group_that_is_held_out_is_not_warned_of():
    units = units_of("aabbccddeeff", "xxxxxxyyyyyy").assign(slide=list("pppppp" + "qqqqqq"))
    design = Design(has_plates=False, groups=["patient", "slide"])
    entry = scoring.evaluate(predict(units), units, OPTIONS, held_out=["patient"], design=design)
    assert entry["confounding"]["patient"]["held_out"]
    words = words_of("classes", "diagnosis")
    said = [warning.title for warning in verdicts.find_warnings("m", entry, words)]
    assert "Diagnosis and slide are confounded" in said
    assert "Diagnosis and patient are confounded" not in said


def test_without_a_held_out_group_fixed_predictions_give_no_p_value():
    units = units_of("aabbccddeeff", "xxxxxxyyyyyy")
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(predict(units), units, OPTIONS, design=design)
    assert entry["details"]["independent_unit"] == "patient"
    assert entry["accuracy"]["p_reason"].startswith("patients are in training as well")


def test_one_group_is_left_out_at_a_time():
    units = units_of("aabbccddeeff", "xxxxxxyyyyyy").assign(
        tile=0, usable=True, flagged=False, role="treated"
    )
    split, _ = make_split(units, {"method": "leave-one-group-out", "group": ["patient"]}, seed=1)
    assert list(split[split["set"] == "test"]["group"]) == list("abcdef")


def test_images_that_are_missing_are_in_no_split(tmp_path):
    text = "path,label\n" + "".join(f"{k}.png,{'xy'[k % 2]}\n" for k in range(12))
    section = sheet(tmp_path, text, *(f"{k}.png" for k in range(10)))
    sites = read_sites(change(section, on_bad_image="quarantine"))
    assert len(sites) == 12
    assert summarise(sites) == {"images": 10}
    planned = check_sites(sites, {"method": "stratified-k-fold", "folds": 2}, 1)
    assert set(planned.groups["unit_id"]) == {f"{k}.png" for k in range(10)}
    counts = pd.DataFrame(preview(planned, []).counts)
    assert counts.loc[counts["fold"] == 0, ["train", "validation", "test"]].sum().sum() == 10
