"""Sheets of annotated images and their sets."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from annotated_images import SETS, SIZES, pack

from moascope.core.errors import InputError
from moascope.segmentation.data.sheet import SheetOptions, read_annotations


def test_a_sheet_names_images_masks_and_sets(folder, options):
    rows = read_annotations(folder / "sheet.csv", options)
    assert rows.columns.tolist() == ["name", "set", "group", "image", "mask"]
    assert rows["name"].tolist() == list("abcd")
    assert rows["set"].tolist() == ["train", "train", "validation", "test"]
    assert rows["mask"].iloc[1] == str(folder.resolve() / "masks" / "b.png")


def test_columns_may_hold_the_paths(folder, options):
    lines = ["picture,truth,kind"]
    lines += [f"images\\{name}.png,masks/{name}.png,{SETS[name]}" for name in SIZES]
    (folder / "sheet.csv").write_text("\n".join(lines))
    options = replace(options, image="picture", mask="truth", set_column="kind")
    rows = read_annotations(folder / "sheet.csv", options)
    assert rows["name"].tolist() == list("abcd")
    assert Path(rows["image"].iloc[0]) == folder.resolve() / "images" / "a.png"


def test_a_json_file_lists_the_sets(folder, options):
    split = folder / "split.json"
    split.write_text(json.dumps({"rule": "by hand", "test": ["d"], "val": ["b"], "train": ["a"]}))
    options = replace(options, set_column="", split_file=split)
    rows = read_annotations(folder / "sheet.csv", options)
    assert dict(zip(rows["name"], rows["set"], strict=True)) == {
        "a": "train", "b": "validation", "d": "test",
    }  # fmt: skip


def test_values_of_a_column_stand_for_sets_and_the_last_images_are_held_out(folder, options):
    lines = ["id,seq", *(f"{name},{'02' if name == 'd' else '01'}" for name in SIZES)]
    (folder / "sheet.csv").write_text("\n".join(lines))
    options = replace(
        options, set_column="seq", set_of={"01": "train", "02": "test"}, validation_share=0.34
    )
    rows = read_annotations(folder / "sheet.csv", options)
    assert rows["set"].tolist() == ["train", "train", "validation", "test"]


def test_a_group_is_not_learnt_from_and_tested_on(folder, options):
    lines = ["id,set,movie,arm", *(f"{name},{SETS[name]},m{name},{name > 'b'}" for name in SIZES)]
    (folder / "sheet.csv").write_text("\n".join(lines))
    rows = read_annotations(folder / "sheet.csv", replace(options, group="movie"))
    assert rows["group"].tolist() == ["ma", "mb", "mc", "md"]
    with pytest.raises(InputError, match="line 5, group: 'xTrue' is in the set test, but also in"):
        read_annotations(folder / "sheet.csv", replace(options, group="x{arm}"))


def test_unused_images_are_left_out(folder, options):
    text = (folder / "sheet.csv").read_text()
    (folder / "sheet.csv").write_text(text + "\ngone,unused")
    rows = read_annotations(folder / "sheet.csv", options)
    assert rows["name"].tolist() == list("abcd")


def test_all_problems_of_a_sheet_are_told_at_once(folder, options):
    lines = ["id,set", "a,train", "a,train", "b,trian", "gone,test", "../out,test", "c,val"]
    (folder / "sheet.csv").write_text("\n".join(lines))
    (folder / "masks" / "c.png").unlink()
    with pytest.raises(InputError) as caught:
        read_annotations(folder / "sheet.csv", options)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'sheet.csv'}: 7 problems")
    assert "line 3, name: 'a' is also the name of an image above" in message
    assert "line 4, set: 'trian' is an unknown set; use train, validation, test" in message
    assert f"line 5, image: {folder.resolve() / 'images' / 'gone.png'} does not exist" in message
    assert f"{folder.resolve() / 'masks' / 'c.png'} does not exist" in message


def test_paths_do_not_lead_out_of_the_root(folder, options):
    (folder / "sheet.csv").write_text("id,set\n../../x,train\na,val\nb,test")
    with pytest.raises(
        InputError, match=r"line 2, image: 'images/../../x.png' is outside the folder"
    ):
        read_annotations(folder / "sheet.csv", options)


def test_unknown_columns_are_named_with_what_there_is(folder, options):
    options = replace(options, image="images/{ids}.png", mask="truth")
    with pytest.raises(InputError, match=r"2 problems") as caught:
        read_annotations(folder / "sheet.csv", options)
    assert "image: the sheet has no column 'ids'; did you mean 'id'?" in str(caught.value)
    assert "mask: the sheet has no column 'truth'; there are: 'id', 'set'" in str(caught.value)


def test_blank_cells_are_named(folder, options):
    (folder / "sheet.csv").write_text("id,set\n,train\nb,test")
    with pytest.raises(InputError, match="line 2, id: blank; the image cannot be found"):
        read_annotations(folder / "sheet.csv", options)


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_a_set_without_images_is_refused(folder, options, name):
    text = "id,set\n" + "\n".join(
        f"{key},{'unused' if value.startswith(name[:3]) else value}" for key, value in SETS.items()
    )
    (folder / "sheet.csv").write_text(text)
    with pytest.raises(InputError, match=f"no image is in the set {name}; "):
        read_annotations(folder / "sheet.csv", options)


def test_a_split_file_that_does_not_fit_is_explained(folder, options):
    split = folder / "split.json"
    split.write_text(json.dumps({"train": ["a", "d"], "val": ["zz"], "test": ["d"], "extra": []}))
    options = replace(options, set_column="", split_file=split)
    with pytest.raises(InputError) as caught:
        read_annotations(folder / "sheet.csv", options)
    message = str(caught.value)
    assert "val: 'zz' is not in the sheet" in message
    assert "test: 'd' is also in the set train; an image belongs to one set" in message
    assert "'extra' is an unknown set" in message


@pytest.mark.parametrize(
    ("text", "message"), [("[1]", "holds no lists by set"), ("{", "cannot be read as JSON")]
)
def test_a_damaged_split_file_is_refused(folder, options, text, message):
    (folder / "split.json").write_text(text)
    options = replace(options, split_file=folder / "split.json")
    with pytest.raises(InputError, match=rf"split\.json: {message}"):
        read_annotations(folder / "sheet.csv", options)


def test_a_wrong_set_in_the_mapping_is_refused(folder, options):
    options = replace(options, set_of={"train": "train", "val": "vaal", "test": "test"})
    with pytest.raises(InputError, match="sets: 'val' has the unknown set 'vaal'; use train"):
        read_annotations(folder / "sheet.csv", options)


def test_sets_have_to_be_given(folder, options):
    with pytest.raises(InputError, match="no sets: set set_column to the column"):
        read_annotations(folder / "sheet.csv", replace(options, set_column=""))


def test_a_set_of_test_images_is_enough_for_given_models(folder, options):
    (folder / "sheet.csv").write_text("id,set\na,test\nb,test")
    with pytest.raises(InputError, match="no image is in the set train"):
        read_annotations(folder / "sheet.csv", options)
    rows = read_annotations(folder / "sheet.csv", replace(options, needed=["test"]))
    assert pack(folder, rows)["set"].tolist() == ["test", "test"]


def test_the_cell_tracking_sequences_are_read(shared_data):
    root = shared_data / "dic-hela"
    options = SheetOptions(
        root, "images/{seq}_t{t}.tif", "masks_silver/{seq}_t{t}.tif", set_column="seq",
        set_of={"01": "train", "02": "test"}, validation_share=0.2,
    )  # fmt: skip
    rows = read_annotations(root / "index.csv", options)
    assert rows["set"].value_counts().to_dict() == {"test": 84, "train": 67, "validation": 17}
    held_out = rows.loc[rows["set"] == "validation", "name"]
    assert held_out.tolist() == [f"01_t{t:03d}" for t in range(67, 84)]


def test_text_of_a_sheet_is_cleaned_and_failed_formulas_are_refused(folder, options):
    text = (folder / "sheet.csv").read_text()
    (folder / "sheet.csv").write_text(
        "# by hand\n" + text.replace("a,train", "a\u200b,train\u00a0").replace("id,", "id\u200b,")
    )
    rows = read_annotations(folder / "sheet.csv", options)
    assert rows["name"].tolist() == list("abcd")
    assert rows["image"][0].endswith("images/a.png")
    (folder / "sheet.csv").write_text(text.replace("a,train", "a,#N/A"))
    with pytest.raises(InputError, match="line 2, column 'set': '#N/A' is the error of a spread"):
        read_annotations(folder / "sheet.csv", options)


def test_a_set_that_a_split_file_lists_twice_is_refused(folder, options):
    (folder / "split.json").write_text('{"train": ["a"], "test": ["b"], "train": ["c"]}')
    with pytest.raises(InputError, match="the key 'train' is given twice"):
        read_annotations(folder / "sheet.csv", replace(options, split_file=folder / "split.json"))
