"""LoadData sheets of CellProfiler."""

from pathlib import Path

import pytest
from screens import change, options, touch

from moascope.core.errors import InputError
from moascope.screen.plates import plate_names
from moascope.screen.site_table import (
    read_sites,
)


@pytest.fixture
def loaddata(tmp_path):
    """A CellProfiler LoadData sheet with absolute folders."""
    root = tmp_path / "plates"
    touch(root, "BR1/r01c01-ch1.tiff", "BR1/r01c01-ch2.tiff", "BR1/r02c01-ch1.tiff")
    touch(root, "BR1/r02c01-ch2.tiff", "BR1/ch 3.tiff")
    sheet = tmp_path / "load_data.csv"
    sheet.write_text(
        "FileName_OrigDNA,PathName_OrigDNA,FileName_OrigER,PathName_OrigER,Metadata_Plate,"
        "Metadata_Well,Metadata_Site,Metadata_broad_sample\n"
        f"r01c01-ch1.tiff,{root}/BR1,r01c01-ch2.tiff,{root}/BR1/,BR1,A01,1,DMSO\n"
        f"r02c01-ch1.tiff,{root}/BR1,r02c01-ch2.tiff,{root}/BR1/,BR1,B01,1,BRD-1\n"
    )
    return options(
        labels_required=False,
        format="loaddata",
        sheet=str(sheet),
        images=str(root),
        channels={"DNA": "OrigDNA", "ER": "OrigER"},
        columns={"compound": "broad_sample"},
    )


def test_a_loaddata_sheet_needs_no_column_names(loaddata):
    sites = read_sites(loaddata)
    assert plate_names(loaddata.input) == ["BR1"]
    assert sites["site_id"].tolist() == ["BR1/A01/1", "BR1/B01/1"]
    assert sites["role"].tolist() == ["control", "unlabelled"]
    assert sites["path:ER"][0] == loaddata.input.images + "/BR1/r01c01-ch2.tiff"


def test_loaddata_urls_rows_and_columns_with_the_image_prefix(loaddata):
    root = loaddata.input.images
    Path(loaddata.input.sheet).write_text(
        "Image_URL_OrigDNA,Image_FileName_OrigER,Metadata_Plate,Metadata_Row,Metadata_Col,"
        "Metadata_Field\n"
        f"file://{root}/BR1/ch%203.tiff,BR1/r01c01-ch2.tiff,BR1,2,3,7\n"
    )
    sites = read_sites(change(loaddata, columns={"compound": None}))
    assert sites["site_id"].tolist() == ["BR1/B03/7"]
    assert sites["path:DNA"][0] == root + "/BR1/ch 3.tiff"


def test_loaddata_frames_are_planes(loaddata):
    Path(loaddata.input.sheet).write_text(
        "FileName_OrigDNA,Frame_OrigDNA,FileName_OrigER,Frame_OrigER,Metadata_Plate,Metadata_Well\n"
        "BR1/ch 3.tiff,0,BR1/ch 3.tiff,1,BR1,A01\n"
    )
    sites = read_sites(change(loaddata, columns={"compound": None, "site": None}))
    assert (sites["index:DNA"][0], sites["index:ER"][0]) == (0, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "_OrigER",
            "_Mito",
            "input.channels.ER: the sheet has neither FileName_OrigER nor URL_OrigER; "
            "did you mean 'OrigDNA'",
        ),
        ("r01c01-ch2", "s3://bucket/r01c01-ch2", "is not a local file; download the images"),
        ("Metadata_Well", "Well", "input.columns: name the column of wells"),
        ("Metadata_broad_sample", "Metadata_pert", "has no column 'broad_sample'"),
    ],
)
def test_bad_loaddata_sheets(loaddata, old, new, message):
    sheet = Path(loaddata.input.sheet)
    text = sheet.read_text().replace(old, new)
    if "s3:" in new:
        text = text.replace("PathName_OrigER", "Metadata_Folder")
    sheet.write_text(text)
    with pytest.raises(InputError, match=message):
        read_sites(loaddata)
