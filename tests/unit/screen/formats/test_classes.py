"""Images without plates or wells: folders of classes, or a sheet with a label."""

import numpy as np
import pandas as pd
import pytest
from screens import change, options, touch
from unit_tables import check_sites, make_split

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.config.loading import load
from moascope.core.errors import InputError
from moascope.report import verdicts
from moascope.screen.formats.classes import parts_of
from moascope.screen.plate_wording import plate_words
from moascope.screen.plates import plate_names
from moascope.screen.site_table import digest, divide_sites, read_screen, read_sites, summarise
from moascope.screen.wording import words_of
from moascope.splits.preview import preview

GREY = {"grey": 0}


def folder(root, *names, labels_required=True, **keys):
    touch(root, *names)
    section = options(
        **{
            "format": "classes",
            "images": str(root),
            "channels": GREY,
            "labels_required": labels_required,
            **keys,
        }
    )
    return section


def sheet(root, text, *names, **keys):
    touch(root / "images", *names)
    (root / "s.csv").write_text(text)
    return folder(root / "images", sheet=str(root / "s.csv"), **keys)


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
        f"{tmp_path}: 1 image files are read; left out: 2 image file(s) in no folder of a class, "
        "such as '2.png'"
    ]


def test_a_folder_without_class_folders_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"lies in the folder of a class, such as '1\.png'; make a"
    ):
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


def test_a_sheet_gives_labels_sets_and_groups(tmp_path):
    text = "file,diagnosis,patient,set\na/1.png,sick,p1,train\n./b\\2.png,well,p2,TEST\n"
    section = sheet(
        tmp_path, text, "a/1.png", "b/2.png", columns={"label": "diagnosis"}, groups=["patient"]
    )
    sites = read_sites(section).set_index("site_id").sort_index()
    assert list(sites.index) == ["a/1.png", "b/2.png"]
    assert list(sites["moa"]) == ["sick", "well"]
    assert list(sites["patient"]) == ["p1", "p2"]
    assert list(sites["given_set"]) == ["train", "test"]


def test_all_that_is_wrong_with_a_sheet_is_said_at_once(tmp_path):
    text = "path,label,set\n1.png,,train\n2.png,sick,tets\n2.png,sick,test\n3.png,Sick ,test\n"
    with pytest.raises(InputError) as caught:
        read_sites(sheet(tmp_path, text, "1.png", "2.png", "3.png"))
    for sentence in [
        "line 2, column 'label': blank; fill in the class, or leave the image out",
        "line 3, column 'set': 'tets' is no set; write train, validation or test",
        "line 4: image '2.png' was already given in line 3; remove one of the two",
        "'sick' (line 3) and 'Sick' (line 5) look like one class",
    ]:
        assert sentence in str(caught.value)
    assert str(caught.value).count("line 4") == 1
    assert "well" not in str(caught.value)
    assert "plate" not in str(caught.value)


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


def test_the_table_fits_the_rest_of_the_workflow(tmp_path):
    section = folder(tmp_path / "i", "x/1.png", "y/1.png")
    sites = read_sites(section)
    assert summarise(sites) == {"images": 2}
    assert len(digest(sites)) == 64
    out = dict.fromkeys(sites["plate"].unique(), tmp_path / "files")
    divide_sites(sites, out, dict.fromkeys(out, tmp_path / "roles"))
    assert "moa" not in pd.read_parquet(tmp_path / "files")


def test_one_class_only_is_refused_in_the_words_of_images(tmp_path):
    sites = read_sites(folder(tmp_path, "x/1.png", "x/2.png"))
    with pytest.raises(InputError) as caught:
        check_sites(sites, {"method": "stratified-k-fold", "folds": 2}, 1)
    assert str(caught.value) == (
        "a split needs images of at least two classes, found only the class 'x' among 2 (flagged "
        "images do not count). Check the labels and the list of flagged images."
    )


def test_given_sets_are_a_fixed_split(tmp_path, caplog):
    caplog.set_level("INFO")
    names = [f"{s}/{c}/{k}.png" for s in ("train", "test") for c in "xy" for k in range(3)]
    sites = read_sites(folder(tmp_path, *names))
    units = sites.assign(unit_id=sites["site_id"], tile=0, usable=True, flagged=False)
    split, _ = make_split(units, {"method": "fixed", "file": None}, seed=1)
    assert "12 units in 12 groups, 2 classes, 1 fold" in caplog.text
    assert "1 folds" not in caplog.text
    sets = split.set_index("group")["set"].to_dict()
    assert sets == {name: name.split("/")[0] for name in names}
    check_sites(sites, {"method": "fixed", "file": None}, 1, audited=["image"])


def test_a_fixed_split_without_any_set_says_what_to_give(tmp_path):
    sites = read_sites(folder(tmp_path, "x/1.png", "y/1.png"))
    with pytest.raises(InputError, match=r"neither `file` is given nor a set of any image\. Fix:"):
        check_sites(sites, {"method": "fixed", "file": None}, 1)


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
        f"splits.s.method: {method!r} holds out what images of format 'classes' do not have; use "
        "stratified-k-fold, fixed, or group-k-fold or leave-one-group-out with `group` (there are: "
        "patient)"
    ) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": {"controls": ["DMSO"]}}, "controls: format 'classes' knows no plates"),
        ({"input": {"platemap": "p.csv"}}, "platemap: format 'classes' knows no plates"),
        ({"input": {"columns": {"well": "w"}}}, r"columns\.well: format 'classes' knows"),
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


def test_parts_are_not_called_plates():
    assert plate_words("part-2-of-4") == "Part 2 of 4 of the images"
    assert plate_words("Week1_22123") == "plate Week1_22123"


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


def units_of(patients: str, truth: str) -> pd.DataFrame:
    names = [f"{moa}/{k}.png" for k, moa in enumerate(truth)]
    return pd.DataFrame(
        {
            "unit_id": names,
            "site_id": names,
            "image": names,
            "plate": "part-1-of-1",
            "well": [f"A{k + 1:02d}" for k in range(len(names))],
            "row": 0,
            "col": range(len(names)),
            "batch": "1",
            "compound": "",
            "treatment": "",
            "patient": list(patients),
            "moa": list(truth),
        }
    )


def predict(units: pd.DataFrame) -> pd.DataFrame:
    table = units[["unit_id", "moa"]].assign(repeat=0, fold=0, fold_name="f")
    table["predicted"] = table["moa"]
    for name in "xy":
        table[f"p:{name}"] = np.where(table["predicted"] == name, 0.9, 0.1)
    return table


OPTIONS = Evaluation(permutations=200)


def test_scores_are_of_images_and_groups_and_of_nothing_else():
    units = units_of("aabbccddeeff", "xxxxxxyyyyyy")
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(
        predict(units), units, OPTIONS, unit="image", held_out=["patient"], design=design
    )
    assert entry["by_group"]["patient"]["n"] == 6
    assert entry["details"]["independent_unit"] == "patient"
    assert entry["accuracy"]["p"] < 0.2
    assert set(entry["confounding"]) == {"patient"}
    assert not {"by_well", "by_treatment"} & set(entry)
    assert entry["compounds"] == {}
    assert list(entry["details"]["confusion"]) == ["unit", "patient"]


def test_a_group_that_is_held_out_is_not_warned_of():
    units = units_of("aabbccddeeff", "xxxxxxyyyyyy").assign(slide=list("pppppp" + "qqqqqq"))
    design = Design(has_plates=False, groups=["patient", "slide"])
    entry = scoring.evaluate(predict(units), units, OPTIONS, held_out=["patient"], design=design)
    assert entry["confounding"]["patient"]["held_out"]
    words = words_of({"format": "classes", "label_name": "diagnosis"})
    said = [warning.title for warning in verdicts.find_warnings("m", entry, words)]
    assert "Diagnosis and slide are confounded" in said
    assert "Diagnosis and patient are confounded" not in said


def test_groups_of_several_classes_are_no_level():
    units = units_of("abcdef" * 2, "xxxxxxyyyyyy")
    design = Design(has_plates=False, groups=["patient"])
    entry = scoring.evaluate(predict(units), units, OPTIONS, held_out=["patient"], design=design)
    assert entry["by_group"] == {}
    assert entry["details"]["n_independent"] == 6


def test_images_are_independent_where_there_are_no_groups():
    units = units_of("a" * 12, "xxxxxxyyyyyy")
    entry = scoring.evaluate(predict(units), units, OPTIONS, design=Design(has_plates=False))
    assert entry["details"]["independent_unit"] == "image"
    assert entry["details"]["n_independent"] == 12
    assert entry["accuracy"]["p"] < 0.05


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
