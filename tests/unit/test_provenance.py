import json
import os
import shutil
from pathlib import Path

import pytest

from moascope.pipeline import code_digests


@pytest.fixture
def library(tmp_path, monkeypatch, repository):
    copy = tmp_path / "moascope"
    shutil.copytree(repository / "workflow/moascope", copy)
    monkeypatch.setattr(code_digests, "ROOT", copy)

    def digest(script):
        for cached in (code_digests._tree, code_digests._imported_names, code_digests._code_of):
            cached.cache_clear()
        return code_digests.code_digest(script)

    yield copy, digest
    digest(repository / "workflow/scripts/ingest.py")


def test_editing_a_function_behind_a_script_changes_its_digest(library, repository):
    copy, digest = library
    script = repository / "workflow/scripts/ingest.py"
    before = digest(script)
    files = copy / "files.py"
    files.write_text(files.read_text().replace('compression="zstd"', 'compression="gzip"'))
    assert digest(script) != before


def test_editing_a_comment_or_docstring_changes_nothing(library, repository):
    copy, digest = library
    script = repository / "workflow/scripts/ingest.py"
    before = digest(script)
    files = copy / "files.py"
    text = files.read_text().replace("Write a table as parquet", "Put a table down as parquet")
    files.write_text(text + "\n# a remark\n")
    assert digest(script) == before


def test_editing_an_unrelated_module_changes_nothing(library, repository):
    copy, digest = library
    script = repository / "workflow/scripts/ingest.py"
    before = digest(script)
    with (copy / "report.py").open("a") as module:
        module.write("\nEXTRA = 1\n")
    assert digest(script) == before


def test_editing_where_files_are_changes_nothing(library, repository):
    copy, digest = library
    script = repository / "workflow/scripts/ingest.py"
    assert "moascope.core.paths" in code_digests.library_modules(script)
    before = digest(script)
    with (copy / "paths.py").open("a") as module:
        module.write("\nEXTRA = 1\n")
    assert digest(script) == before


def test_kept_digests_are_those_of_the_code_as_it_is(library, repository, tmp_path):
    copy, digest = library
    scripts, memory = repository / "workflow/scripts", tmp_path / "work" / "digests.json"
    first = code_digests.code_digests(scripts, memory)
    assert first == code_digests.code_digests(scripts, memory)
    assert first == {script.name: digest(script) for script in scripts.glob("*.py")}
    files = copy / "files.py"
    status = files.stat()
    files.write_text(files.read_text().replace('compression="zstd"', 'compression="gzip"'))
    os.utime(files, ns=(status.st_atime_ns, status.st_mtime_ns))
    digest(scripts / "ingest.py")
    second = code_digests.code_digests(scripts, memory)
    assert second["ingest.py"] != first["ingest.py"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"state": []}'])
def test_kept_digests_that_cannot_be_used_are_replaced(library, repository, tmp_path, content):
    scripts, memory = repository / "workflow/scripts", tmp_path / "digests.json"
    expected = code_digests.code_digests(scripts, memory)
    memory.write_text(content)
    assert code_digests.code_digests(scripts, memory) == expected
    assert json.loads(memory.read_text())["digests"] == expected


def test_digests_are_kept_in_the_first_place_that_takes_them(library, repository, tmp_path):
    (tmp_path / "file").touch()
    scripts = repository / "workflow/scripts"
    places = [tmp_path / "file/kept.json", tmp_path / "a.json", tmp_path / "b.json"]
    assert "ingest.py" in code_digests.code_digests(scripts, places[0])
    digests = code_digests.code_digests(scripts, *places)
    assert json.loads(places[1].read_text())["digests"] == digests
    assert not places[2].exists()
    planted = {**json.loads(places[1].read_text()), "digests": {"ingest.py": "kept"}}
    places[1].write_text(json.dumps(planted))
    assert code_digests.code_digests(scripts, *places) == {"ingest.py": "kept"}


def test_digests_are_kept_beside_compiled_modules():
    assert code_digests.KEPT_DIGESTS.parent == Path(code_digests.__cached__).parent
    assert code_digests.KEPT_DIGESTS.suffix == ".json"


def test_imports_are_followed_through_modules(repository):
    modules = code_digests.library_modules(repository / "workflow/scripts/ingest.py")
    assert {"moascope.images.plate_store", "moascope.core.files", "moascope.core.errors"} <= modules


@pytest.mark.parametrize("script", ["train_unet.py", "tune_unet.py", "segment_unet.py"])
def test_finding_cells_does_not_depend_on_splits(repository, script):
    modules = code_digests.library_modules(repository / "workflow/scripts" / script)
    assert "moascope.segmentation.unet.architecture" in modules
    assert not modules & {
        "moascope.splits.make",
        "moascope.classification.labelled_units",
        "moascope.simulation.screen",
    }
