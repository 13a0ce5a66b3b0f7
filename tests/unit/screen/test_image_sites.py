"""Sites of images without plates."""

import pandas as pd
import pytest
from class_folders import folder, sheet
from unit_tables import check_sites, make_split

from moascope.core.errors import InputError
from moascope.screen.site_table import digest, divide_sites, read_sites, summarise


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
        "line 2, column 'label': blank; add the class, or remove the image",
        "line 3, column 'set': 'tets' is no set; set it to train, validation or test",
        "line 4: image '2.png' was already given in line 3; remove one of the two",
        "'sick' (line 3) and 'Sick' (line 5) look like one class",
    ]:
        assert sentence in str(caught.value)
    assert str(caught.value).count("line 4") == 1
    assert "well" not in str(caught.value)
    assert "plate" not in str(caught.value)


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
