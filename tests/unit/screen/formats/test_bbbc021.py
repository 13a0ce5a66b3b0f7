"""The sheet of BBBC021."""

import pytest
from screens import options

from moascope.core.errors import InputError
from moascope.screen.plates import plate_names
from moascope.screen.site_table import (
    read_sites,
    summarise,
)


def bbbc021(shared_data, images):
    return options(
        needs_controls=True,
        format="bbbc021",
        sheet=str(shared_data / "bbbc021-metadata/BBBC021_v1_image.csv"),
        images=str(images),
        moa_table=str(shared_data / "bbbc021-metadata/BBBC021_v1_moa.csv"),
        channels={"DNA": "DAPI", "Tubulin": "Tubulin", "Actin": "Actin"},
    )


def test_all_of_bbbc021_is_validated(shared_data, tmp_path):
    given_options = bbbc021(shared_data, tmp_path)
    sites = read_sites(given_options, check_files=False)
    assert summarise(sites) == {"plates": 55, "wells": 3300, "sites": 13200, "images": 39600}
    treated = sites[sites["role"] == "treated"]
    assert treated["treatment"].nunique() == 103
    assert treated["compound"].nunique() == 38
    assert treated["moa"].nunique() == 12
    assert sites["batch"].nunique() == 10
    assert plate_names(given_options.input) == sorted(sites["plate"].unique())


def test_missing_images_of_bbbc021_are_reported_by_folder(shared_data, tmp_path):
    with pytest.raises(InputError) as caught:
        read_sites(bbbc021(shared_data, tmp_path))
    message = str(caught.value)
    first = f"the folder {tmp_path}/Week4/Week4_27481 and 54 other folders cannot be listed"
    assert f"line 2 (and 39599 more), image files: {first}" in message
