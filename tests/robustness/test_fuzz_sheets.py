"""Whatever sheets, tables, names and patterns hold, only errors of the input come out."""

import json
import os

import pytest
from fuzzing import ODD_TEXTS, cases, damage
from hypothesis import given
from hypothesis import strategies as st
from screens import HEADER, ROWS, Screen

from moascope.core.errors import InputError
from moascope.pipeline import nvidia
from moascope.screen.formats import image_folders
from moascope.screen.plates import plate_names
from moascope.screen.site_table import read_sites
from moascope.screen.tables.delimited import read_sheet
from moascope.screen.tables.platemap_list import platemap_files
from moascope.screen.wells import parse_well, well_from_parts
from moascope.segmentation.data.sheet import SheetOptions, read_annotations

PLATEMAP = "plate,well,compound,concentration,moa\nP1,A1,DMSO,0,\nP1,B2,taxol,0.3,Stabilizer\n"
MOA_TABLE = "compound,concentration,moa\ntaxol,0.3,Stabilizer\nNA,3,Actin\n"
LOADDATA = """\
Metadata_Plate,Metadata_Well,Metadata_Site,FileName_dna,PathName_dna,Frame_dna,URL_actin
P1,A01,1,1d.tif,a,0,file:///nowhere/1a.tif
P1,A01,2,2d.tif,a,1,a/2a.tif
"""
BBBC021 = """\
Image_FileName_DAPI,Image_PathName_DAPI,Image_Metadata_Plate_DAPI,Image_Metadata_Well_DAPI,\
Replicate,Image_Metadata_Compound,Image_Metadata_Concentration
G10_s1_w1.tif,a,Week1_22123,G10,1,taxol,0.3
G10_s2_w1.tif,a,Week1_22123,G10,1,DMSO,0
"""
SHEETS = {
    "table": "\n".join([HEADER, *ROWS]),
    "loaddata": LOADDATA,
    "bbbc021": BBBC021,
}


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """Give a small screen whose tables the tests spoil."""
    return Screen(tmp_path_factory.mktemp("fuzz") / "screen")


def check(options):
    """Read a screen in all ways that the workflow does."""
    for read in (lambda given: plate_names(given.input), read_sites):
        try:
            read(options)
        except InputError as error:
            message = str(error)
            assert message
            assert "\x1b" not in message
            message.encode("utf-8")


def channels_of(form):
    return {
        "table": {"DNA": "dna", "Actin": "actin"},
        "loaddata": {"DNA": "dna", "Actin": "actin"},
        "bbbc021": {"DNA": "DAPI"},
    }[form]


@cases(80)
@given(data=st.data(), form=st.sampled_from(list(SHEETS)), is_wide=st.booleans())
def test_of_a_damaged_sheet_only_input_errors_come(screen, data, form, is_wide):
    text = SHEETS[form]
    whole = text.encode("utf-16") if is_wide else text.encode()
    options = screen.options(
        format=form,
        channels=channels_of(form),
        images=str(screen.folder),
        moa_table=str(screen.folder / "sheet.csv"),
    )
    screen.sheet.write_bytes(data.draw(damage(whole)))
    check(options)


_cells = st.one_of(ODD_TEXTS, st.text(max_size=6), st.sampled_from(["P1", "A01", "1", "a/1d.tif"]))


def _quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def _bytes(rows, delimiter):
    lines = [delimiter.join(map(_quoted, row)) for row in rows]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@cases(100)
@given(
    form=st.sampled_from(list(SHEETS)),
    rows=st.lists(st.lists(_cells, min_size=9, max_size=9), min_size=1, max_size=4),
    delimiter=st.sampled_from([",", ";", "\t"]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "labels_required": st.booleans(),
            "needs_controls": st.booleans(),
            "batch_from_plate": ODD_TEXTS,
            "controls": st.lists(ODD_TEXTS.filter(lambda text: text != "\ud800"), max_size=2),
            "plate_format": st.sampled_from([96, 384, 1536]),
        },
    ),
)
def test_of_odd_cells_only_input_errors_come(screen, form, rows, delimiter, options):
    header = SHEETS[form].split("\n")[0].split(",")
    width = len(header)
    content = _bytes([header, *(row[:width] for row in rows)], delimiter)
    chosen = screen.options(
        format=form,
        channels=channels_of(form),
        images=str(screen.folder),
        moa_table=str(screen.folder / "moa.csv"),
        columns={"site": None} if form == "table" else {},
        **options,
    )
    (screen.folder / "moa.csv").write_text(MOA_TABLE)
    screen.sheet.write_bytes(content)
    check(chosen)


@cases(40)
@given(data=st.data())
def test_of_damaged_tables_beside_the_sheet_only_input_errors_come(screen, data):
    names = {"platemap": PLATEMAP, "moa_table": MOA_TABLE}
    keys = {}
    for key, text in names.items():
        path = screen.folder / f"{key}.csv"
        path.write_bytes(data.draw(damage(text.encode())))
        keys[key] = str(path)
    sheet = "plate,well,site,dna,actin\nP1,A1,1,a/1d.tif,a/1a.tif\nP1,b02,1,a/3d.tif,a/3a.tif\n"
    options = screen.options(**keys)
    screen.sheet.write_text(sheet)
    check(options)


@cases(30)
@given(data=st.data())
def test_of_damaged_tables_of_platemaps_only_input_errors_come(screen, data):
    (screen.folder / "map.csv").write_text(PLATEMAP.replace("plate,", "x,"))
    path = screen.folder / "maps.csv"
    table = "Assay_Plate_Barcode,Plate_Map_Name\nP1,map\nP2,map.csv\n"
    path.write_bytes(data.draw(damage(table.encode())))
    options = screen.options(platemaps=str(path))
    screen.sheet.write_text("plate,well,site,dna,actin\nP1,A1,1,a/1d.tif,a/1a.tif\n")
    check(options)
    platemap_files(options.input)


@cases(60)
@given(
    names=st.lists(
        st.one_of(
            st.sampled_from(["P1_A01_d.tif", "P1_A02_d.tif", "P2_Z99_x.png"]),
            st.text(max_size=20).map(lambda text: f"P1_{text}_d.tif"),
            st.binary(max_size=20).map(lambda name: os.fsdecode(b"P1_" + name + b"_d.tif")),
        ),
        max_size=4,
    ),
    pattern=st.one_of(
        st.just(r"(?P<plate>.+)_(?P<well>.+)_(?P<channel>.+)\..*"),
        st.just(r"(?P<plate>(.+)+)_(?P<well>[^_]*)_(?P<channel>.*)x?\..*"),
        st.text(alphabet="(?P<plate>)wch.*+|[]{}\\_0", max_size=40),
        ODD_TEXTS,
    ),
)
def test_of_odd_file_names_and_patterns_only_input_errors_come(
    tmp_path_factory, names, pattern, monkeypatch_module
):
    folder = tmp_path_factory.mktemp("names")
    for name in filter(_is_name, names):
        (folder / name).touch()
    options = Screen(folder / ".screen").options(
        format="folder", sheet=None, images=str(folder), pattern=pattern, channels={"DNA": "d"}
    )
    check(options)


def _is_name(text):
    try:
        return not {0, ord("/")} & set(os.fsencode(text))
    except UnicodeEncodeError:
        return False


@pytest.fixture(scope="module")
def monkeypatch_module():
    """Give patterns a short time, as most of them are hopeless."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_folders, "_MATCHING_SECONDS", 0.2)
        yield patch


ANNOTATED = "id,set,mask,image\na,train,masks/a.png,images/a.png\nb,val,masks/b.png,images/b.png\n"


@cases(80)
@given(data=st.data(), sets=st.booleans())
def test_of_a_damaged_annotated_set_only_input_errors_come(screen, data, sets):
    sheet, file = screen.folder / "annotated.csv", screen.folder / "sets.json"
    sheet.write_bytes(data.draw(damage(ANNOTATED.encode())))
    file.write_bytes(data.draw(damage(json.dumps({"train": ["a"], "val": ["b"]}).encode())))
    options = SheetOptions(
        screen.folder,
        "image",
        "mask",
        name="id",
        set_column="" if sets else "set",
        split_file=file if sets else None,
    )
    with pytest.raises(InputError):  # the images are not there
        read_annotations(sheet, options)


@cases(200)
@given(content=st.binary(max_size=60), delimiter=st.sampled_from(["auto", ",", ";", "\t"]))
def test_any_bytes_are_a_sheet_or_an_input_error(screen, content, delimiter):
    path = screen.folder / "any.csv"
    path.write_bytes(content)
    try:
        sheet = read_sheet(path, delimiter)
    except InputError as error:
        assert str(error).startswith(str(path))
    else:
        assert all(len(row) == len(sheet.header) for row in sheet.rows)


@cases(200)
@given(st.one_of(ODD_TEXTS, st.text(max_size=6)), st.one_of(ODD_TEXTS, st.text(max_size=4)))
def test_any_text_is_a_well_or_an_input_error(row, column):
    for name in (row, well_from_parts(row, column)):
        try:
            position = parse_well(name, 1536)
        except InputError:
            continue
        assert position[0] < 32
        assert position[1] < 48


_fields = st.one_of(
    st.sampled_from(["0", "1", "GPU-aaa", "MIG-1", "[N/A]", "[Not Supported]", "[GPU is lost]"]),
    st.text(max_size=8),
    ODD_TEXTS,
)


@cases(200)
@given(st.lists(_fields, max_size=8), ODD_TEXTS)
def test_any_line_of_nvidia_smi_is_a_gpu_or_ignored(fields, entry):
    gpu = nvidia._read_card(", ".join(fields))
    if gpu is not None:
        assert gpu.index >= 0
        assert gpu.total >= 0
        gpu.matches(entry)
    nvidia._read_parts(["GPU 0: A (UUID: GPU-a)", *fields, " ".join(fields)])
