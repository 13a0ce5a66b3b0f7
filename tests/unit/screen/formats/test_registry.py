"""Registry of input formats."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from screens import options

from moascope.core.errors import InputError
from moascope.screen.formats.registry import FORMATS, find_format
from moascope.screen.options import Input
from moascope.screen.site_table import read_sites

DUMMY = '''
"""Input format `dummy`: a sheet whose files are named by well and channel."""

from moascope.screen.formats.base import ONLY_PLANE, InputFormat
from moascope.screen.formats.layout import Layout
from moascope.screen.formats.sheet_reader import ChannelFiles, SheetReader


def read_channel(sheet, channel, source, options):
    files = [f"{well}-{source}.tif" for well in sheet.values(["place"])]
    return ChannelFiles("column 'place'", files, [ONLY_PLANE] * len(files))


FORMAT = InputFormat(
    name="dummy",
    description="files named by well",
    reader=SheetReader(read_channel, Layout(standard={"plate": ("barcode",), "well": ("place",)})),
    required_keys=("sheet",),
    used_keys=("sheet", "delimiter"),
)
'''
SHEET = "barcode,place,drug\nP1,A01,DMSO\nP1,B02,taxol\n"
READ = """
import sys
from moascope.screen.options import Input, ScreenOptions
from moascope.screen.plates import plate_names
from moascope.screen.site_table import read_sites

section = Input(
    format="dummy",
    sheet=sys.argv[1],
    channels={"DNA": "d"},
    columns={"site": None, "compound": "drug", "concentration": None, "moa": None},
)
print(plate_names(section))
sites = read_sites(ScreenOptions(input=section))
print(sites["site_id"].tolist(), [path.rpartition("/")[2] for path in sites["path:DNA"]])
"""


def test_the_configuration_knows_the_formats():
    assert list(get_args(Input.model_fields["format"].annotation)) == list(FORMATS)


def test_an_unknown_format_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="unknown format 'loadata'; did you mean 'loaddata'"):
        find_format("loadata")


def test_a_format_is_looked_up_when_a_screen_is_read(tmp_path):
    given = options(format="table", sheet=str(tmp_path / "s.csv"), channels={"DNA": "dna"})
    wrong = given.input.model_copy(update={"format": "tabel"})
    with pytest.raises(InputError, match="did you mean 'table'"):
        read_sites(given.model_copy(update={"input": wrong}))


def test_a_format_is_one_module_and_its_entry_in_the_registry(tmp_path, repository):
    library = tmp_path / "workflow/moascope"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "workflow/moascope", library, ignore=ignored)
    (library / "screen/formats/dummy.py").write_text(DUMMY)
    registry = library / "screen/formats/registry.py"
    text = registry.read_text()
    text = text.replace(
        "        simulate.FORMAT,\n", "        simulate.FORMAT,\n        dummy.FORMAT,\n"
    )
    registry.write_text(text.replace("import bbbc021,", "import dummy, bbbc021,"))
    (tmp_path / "s.csv").write_text(SHEET)
    for name in ("A01-d.tif", "B02-d.tif"):
        (tmp_path / name).write_text(name)
    run = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "s.csv")],
        env={**os.environ, "PYTHONPATH": str(library.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "['P1']",
        "['P1/A01/1', 'P1/B02/1'] ['A01-d.tif', 'B02-d.tif']",
    ]


def test_reading_formats_needs_no_pandas(repository: Path):
    code = (
        "import sys, moascope.screen.options; print(*sorted({'pandas', 'numpy'} & {*sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(repository / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == ""
