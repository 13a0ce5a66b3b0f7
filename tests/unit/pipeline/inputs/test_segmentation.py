import pytest
from rule_inputs import build, wildcards

from moascope.core.errors import InputError
from moascope.pipeline.inputs.segmentation import EngineInputs, files_of_model
from moascope.segmentation.engines import optional_packages
from moascope.segmentation.engines.classical import CLASSICAL
from moascope.segmentation.engines.stardist import STARDIST
from moascope.segmentation.engines.unet import UNET

ENGINES = {
    "net": {"method": "unet", "ensemble": 2, "export": True},
    "given": {"method": "unet", "model": "given.keras", "diameter": "auto"},
    "star": {"method": "stardist"},
    "published": {"method": "stardist", "model": "2D_versatile_fluo"},
    "classic": {"method": "classical"},
}
SCREEN = {"format": "simulate", "channels": {"DNA": "DNA", "Actin": "Actin"}}
PREFIX = "results/small/segmentation"


def inputs_of(engines=ENGINES, mask="mask", plates=None, **section):
    return build(
        EngineInputs,
        plates=plates,
        input={**SCREEN, "columns": {"mask": mask}},
        segmentation={"engines": engines, **section},
    )


def annotated_of(engines=ENGINES, **section):
    annotated = {"annotated": {"sheet": "sheet.csv", **section}, "channels": ["DNA"]}
    return build(
        EngineInputs, plates=[], input=None, segmentation={**annotated, "engines": engines}
    )


@pytest.fixture
def inputs():
    return inputs_of()


def of(name, **others):
    return wildcards(engine=name, **others)


def test_engines_are_trained_and_scored_on_masks_of_the_screen(inputs):
    assert inputs.scored == list(ENGINES)
    assert inputs.trained == ["net", "star"]
    assert inputs.trained_by(UNET) == ["net"]
    assert inputs.checked == ["given"]
    assert inputs.exported == ["net"]


def test_without_masks_no_engine_is_scored():
    inputs = inputs_of({"published": ENGINES["published"]}, mask=None)
    assert inputs.scored == []
    assert inputs.plate_sets == {}


def test_the_first_engine_segments_the_screen_where_none_is_named(inputs):
    assert inputs.measuring == "net"
    named = inputs_of(measure_with="classic")
    assert named.measuring == "classic"
    assert named.measuring_method is CLASSICAL


def test_a_fitted_engine_is_a_file_of_the_run(inputs):
    assert inputs.fitted("net") == {"model": f"{PREFIX}/net.keras"}
    assert inputs.fitted("star") == {"model": f"{PREFIX}/star.stardist.zip"}
    assert inputs.fitted("classic") == {"model": f"{PREFIX}/classic.json"}
    assert inputs.fitted_path(STARDIST) == f"{PREFIX}/{{engine}}.stardist.zip"


def test_a_given_model_is_an_input_and_the_name_of_a_published_one_is_none(inputs):
    assert inputs.fitted("given") == {"model": "given.keras"}
    assert inputs.fitted("published") == {"model": []}


def test_the_files_of_a_folder_with_a_model_are_inputs(tmp_path):
    for name in ("config.json", "weights.h5", "notes.txt"):
        (tmp_path / name).touch()
    inputs = inputs_of({"star": {"method": "stardist", "model": str(tmp_path)}})
    found = files_of_model(inputs.engines["star"])
    assert found == [str(tmp_path / "config.json"), str(tmp_path / "weights.h5")]


def test_an_ensemble_has_a_file_per_member(inputs):
    find_members = inputs.members_of("{engine}.{member}")
    assert find_members(of("net")) == ["net.0", "net.1"]
    assert len(inputs.training_devices("net")) == 2
    assert len(inputs.training_devices("star")) == 1


def test_only_networks_note_their_device(inputs):
    assert f"{PREFIX}/star.test.device.json" in inputs.devices()
    assert f"{PREFIX}/classic.test.device.json" not in inputs.devices()


def test_a_measured_size_is_a_file(inputs):
    assert inputs.measured_size("net", "screen") == {}
    size = {"measured": f"{PREFIX}/given.annotated.size.json"}
    assert inputs.measured_size("given", "annotated") == size
    assert inputs.test_model(of("given")) == {"model": "given.keras", **size}


def test_the_size_is_measured_on_at_most_four_plates():
    inputs = inputs_of(plates=[f"P{number}" for number in range(9, 3, -1)])
    sample = inputs.sample_of_size(of("given", images="screen"))
    assert sample["stores"] == [f"results/small/plates/P{number}.ozx" for number in (4, 5, 6, 7)]
    sample = inputs.sample_of_size(of("given", images="annotated"))
    assert set(sample) == {"model", "images", "table"}


def test_a_job_that_measures_a_size_knows_whether_the_engine_is_tuned():
    engines = {"given": ENGINES["given"], "tuned": {**ENGINES["given"], "tune": True}}
    inputs = inputs_of(engines)
    assert "tune" not in inputs.given_options(of("given", images="annotated"))
    assert inputs.given_options(of("tuned", images="annotated"))["tune"] is True


def test_jobs_of_ensembles_and_sizes_are_known_before_the_run(inputs):
    assert inputs.member_jobs() == [{"engine": "net", "member": n} for n in range(2)]
    assert inputs.size_jobs() == [{"engine": "given", "images": "annotated"}]
    measuring = inputs_of({"given": {**ENGINES["given"]}}, mask=None)
    assert measuring.size_jobs() == [{"engine": "given", "images": "screen"}]


def test_plates_are_divided_into_sets(inputs):
    assert inputs.plate_sets == {"train": ["P1"], "validation": ["P2"], "test": ["P3"]}
    assert inputs.annotated_plates == ["P1", "P2", "P3"]
    files = inputs.files_of_annotated_plates(of("net"))
    assert len(files["stores"]) == len(files["ingested"]) == 3


def test_too_few_plates_to_train_on_are_refused():
    with pytest.raises(InputError, match="too few"):
        _ = inputs_of(plates=["P1", "P2"]).plate_sets


def test_annotated_images_come_from_sheets():
    assert annotated_of().annotated_sheets() == {"sheet": "sheet.csv"}
    both = {"sheet": "sheet.csv", "sets": "sets.json"}
    assert annotated_of(set_file="sets.json").annotated_sheets() == both
    assert annotated_of().plate_sets == {}
    assert inputs_of().annotated_sheets() == {}


def test_the_report_shows_some_plates_of_a_screen(inputs):
    assert inputs.shown_plates == ["P1", "P2", "P3"]
    assert annotated_of().shown_plates == []


def test_packages_are_needed_by_the_rules_that_run(inputs):
    assert inputs.needed_packages({"ingest"}) == []
    assert set(inputs.needed_packages({"train_stardist"})) == {"stardist", "tf-keras"}
    assert set(inputs.needed_packages({"export_unet"})) == set(optional_packages.EXPORT)
    measured = inputs_of(measure_with="published")
    assert "stardist" in measured.needed_packages({"segment_plate"})
    assert inputs.needed_packages({"segment_plate"}) == []


def test_missing_packages_stop_the_run(inputs, monkeypatch):
    monkeypatch.setattr(optional_packages, "missing", list)
    inputs.check_packages({"ingest"})
    with pytest.raises(InputError, match=r"not installed.*stardist.*--sdm conda"):
        inputs.check_packages({"train_stardist"})


def test_given_models_are_checked_by_their_method(inputs):
    assert inputs.checks() == {"given": {"check": UNET.check, "options": {"channel_map": {}}}}
    assert inputs.functions_of_checks() == [UNET.check]
