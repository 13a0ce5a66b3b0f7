"""Loading of a configuration: types, paths and missing files."""

from pathlib import Path

import pytest
from raw_configs import MINIMAL, problems

from moascope.config import loading
from moascope.core.errors import InputError


def test_paths_may_be_given_below_one_folder():
    screen = {
        "run": "x",
        "input": {
            **{"format": "bbbc021", "root": "/data", "sheet": "image.csv", "images": "images"},
            **{"moa_table": "/elsewhere/moa.csv", "channels": {"DNA": "DAPI"}},
        },
    }
    given = loading.load(screen).input
    assert given.sheet == "/data/image.csv"
    assert given.images == "/data/images"
    assert given.moa_table == "/elsewhere/moa.csv"
    assert given.platemap is None
    written = loading.load(screen).model_dump(exclude_unset=True)
    assert loading.load(written).input == given  # joined once
    annotated = {"root": "../sets", "sheet": "index.csv", "set_file": "split.json"}
    engines = {"c": {"method": "classical"}}
    section = {"channels": ["DNA"], "annotated": annotated, "engines": engines}
    read = loading.load({"run": "x", "segmentation": section}).segmentation.annotated
    assert read.sheet == "../sets/index.csv"
    assert read.set_file == "../sets/split.json"
    assert read.images is None


def test_a_folder_of_paths_that_is_no_text_is_refused():
    given = {"format": "table", "root": 5, "sheet": "s.csv", "channels": {"DNA": "DNA"}}
    with pytest.raises(InputError, match=r"input\.root"):
        loading.load({"run": "x", "input": given}, "mine.yaml")


def test_unknown_keys_suggest_the_nearest_one_at_any_depth():
    text = problems({**MINIMAL, "qualty": {}, "normalization": {"steps": [{"metod": "zscore"}]}})
    assert "mine.yaml" in text
    assert "qualty: unknown key 'qualty'; did you mean 'quality'?" in text
    assert "did you mean 'method'?" in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"units": {"size": 3}}, "units.size: write a number of at least 16; got 3"),
        ({"seed": "many"}, "seed: "),
        ({"compute": {"gpu": "maybe"}},
         "compute.gpu: write 'auto', 'required' or 'never'; got 'maybe'"),
        ({"run": "a/b"}, "run: 'a/b' is no name for results; use letters, digits, _ and -"),
        ({"run": 2024}, "run: write text: '2024'; got 2024"),
        ({"input": {**MINIMAL["input"], "channels": {"Hoechst 33342": "x"}}},
         "input.channels.Hoechst 33342: 'Hoechst 33342' is no name for results; use letters"),
        ({"input": {**MINIMAL["input"], "channels": ["DNA"]}},
         "input.channels: write keys with values, as in {key: value}; got ['DNA']"),
        ({"input": {**MINIMAL["input"], "controls": "DMSO"}},
         "input.controls: write a list, as in [a, b]; got 'DMSO'"),
        ({"quality": {"focus_z": float("inf")}},
         "quality.focus_z: write a number that is not infinite; got inf"),
        ({"input": {**MINIMAL["input"], "brightfield": ["DNB"]}},
         "input: brightfield: unknown channel 'DNB'; did you mean 'DNA'?"),
        ({"models": {"m": {"split": "s", "backbone": "efficientnet-lte0"}}},
         "models.m: backbone: there is no 'efficientnet-lte0'. Did you mean efficientnet-lite0"),
        ({"models": {"m": {"split": "loco", "channel_mapping": "inflate",
                           "head": {"type": "lda", "calibrate": True}}},
          "splits": {"loco": {"method": "leave-one-compound-out"}}},
         "models.m.head.calibrate: there are no validation units to fit the temperature to; set "
         "splits.loco.validation, for example to 0.2"),
        ({"models": {"m": {"split": "lco"}}, "splits": {"loco": {"method": "fixed", "file": "x"}}},
         "models.m.split: unknown split 'lco'; did you mean 'loco'?"),
        ({"augmentation": [{"name": "flipp"}]}, "did you mean 'flip'?"),
        ({"splits": {"s": {"method": "fixed"}}}, "also needs file"),
        ({"normalization": {"steps": [{"method": "zscore", "scope": "plate"}]}},
         "takes statistics from treated wells"),
    ],
)  # fmt: skip
def test_wrong_values_name_the_key_the_value_and_the_range(change, expected):
    assert expected in problems({**MINIMAL, **change})


def test_every_problem_has_a_line_of_its_own():
    text = problems(
        {
            **MINIMAL,
            "splits": {"loco": {"method": "leave-one-compound-out"}},
            "models": {
                "a": {"split": "lco"},
                "b": {"split": "loco", "rgb_channels": ["X", "Y", "Z"]},
            },
        }
    )
    assert "5 problems" in text
    assert text.count("\n  - models.") == 5


def test_files_of_a_screen_that_is_simulated_are_not_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {**MINIMAL["input"], "format": "simulate", "sheet": None, "platemap": "x" * 5000}
    assert loading.missing_files(loading.load({"run": "x", "input": given})) == []
    loaded = loading.load({"run": "x", "input": {**given, "format": "table", "sheet": "."}})
    assert len(loading.missing_files(loaded)) == 2


def test_files_that_are_not_there_are_named_with_their_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("there.csv").touch()
    loaded = loading.load(
        {
            "run": "x",
            "input": {**MINIMAL["input"], "sheet": "there.csv", "platemap": "map.csv"},
            "splits": {"f": {"method": "fixed", "file": "folds.csv"}},
            "models": {"m": {"split": "f", "weights": "imagnet", "channel_mapping": "inflate"}},
            "segmentation": {
                "engines": {
                    "u": {"method": "unet", "model": "u"},
                    "pose": {"method": "cellpose", "model": "cpsam"},
                    "mine": {"method": "cellpose", "model": "models/mine"},
                    "star": {"method": "stardist", "model": "2D_versatile_fluo"},
                }
            },
        }
    )
    assert loading.missing_files(loaded) == [
        "input.platemap: there is no file 'map.csv'; correct the path",
        "splits.f.file: there is no file 'folds.csv'; correct the path",
        "models.m.weights: there is no file 'imagnet'; correct the path, or write imagenet or none",
        "segmentation.engines.u.model: there is no file 'u'; correct the path",
        "segmentation.engines.mine.model: there is no file 'models/mine'; correct the path",
    ]


def test_text_from_the_command_line_becomes_numbers_and_nulls():
    loaded = loading.load(
        {**MINIMAL, "units": {"size": "128"}, "input": {**MINIMAL["input"], "images": "null"}}
    )
    assert loaded.units.size == 128
    assert loaded.input.images is None
