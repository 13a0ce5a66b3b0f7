"""A full disk gives one message that names the file and the free space, whoever writes."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile

from moascope.core import files
from moascope.core.errors import InputError
from moascope.core.files import atomic_path
from moascope.core.zip_files import StoredZip

LIBRARY = Path(files.__file__).parents[2]
NOISE = np.random.default_rng(0)


def write_table(path):
    files.write_parquet(pd.DataFrame({"a": NOISE.random(500_000)}), path)


def write_array(path):
    files.write_array(np.ones(500_000), path)


def write_json(path):
    files.write_json(list(range(400_000)), path)


def write_members(path):
    with atomic_path(path) as temporary:
        files.write_zip({"a": NOISE.bytes(4_000_000)}, temporary)


def write_store(path):
    with atomic_path(path) as temporary, StoredZip(temporary) as archive:
        for number in range(40):
            archive.add(str(number), [NOISE.bytes(100_000)])


def write_h5(path):
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for number in range(40):
            file.create_dataset(str(number), data=NOISE.random(10_000))


def write_h5_that_fails_when_closed(path):
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("large", data=NOISE.random(200_000))
        for number in range(2000):
            file.create_dataset(str(number), data=NOISE.random(1), chunks=True, compression="lzf")


def write_checkpoint(path):
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, a=np.ones(500_000))


def write_image(path):
    with atomic_path(path) as temporary:
        tifffile.imwrite(temporary, NOISE.integers(0, 9999, (1500, 1500)).astype(np.uint16))


def write_figure(path):
    with atomic_path(path) as temporary:
        temporary.write_bytes(NOISE.bytes(4_000_000))


WRITERS = [
    *(write_table, write_array, write_json, write_members, write_store, write_h5),
    *(write_h5_that_fails_when_closed, write_checkpoint, write_image, write_figure),
]


@pytest.mark.parametrize("write", WRITERS)
def test_every_writer_names_the_file_and_the_free_space(small_disk, write):
    target = small_disk / "folder" / "a.file"
    with pytest.raises(InputError) as raised:
        write(target)
    start = f"{target}: cannot be written (No space left on device). Free space on that disk"
    assert str(raised.value).startswith(start)
    assert str(raised.value).endswith("start again. 0.0 of 2.1 MB are free there.")
    assert not list(target.parent.iterdir())


def test_a_saved_network_names_the_file_and_the_free_space(small_disk):
    import keras

    from moascope.networks.saving import save_model

    model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(1000)])
    with pytest.raises(InputError, match=r"m\.keras: cannot be written .* 0\.0 of 2\.1 MB are"):
        save_model(model, small_disk / "m.keras", {})
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize("write", [write_table, write_array, write_json, write_store, write_h5])
def test_a_limit_of_the_size_of_files_is_named(tmp_path, write):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(
            InputError, match=r"a\.file: cannot be written \(File too large\)\. The"
        ):
            write(tmp_path / "a.file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_of_temporary_files_is_named(small_disk, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    message = r"moascope-\S+: cannot be written .*set TMPDIR to"
    with pytest.raises(InputError, match=message), files.scratch_folder() as folder:
        np.save(folder / "a.npy", np.ones(500_000))
    assert not list(small_disk.iterdir())


def test_other_errors_in_a_temporary_folder_pass_unchanged():
    with pytest.raises(KeyError, match="x"), files.scratch_folder():
        raise KeyError("x")


# --- features ----------------------------------------------------------------------------------


def run(program, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_memory_map_on_a_full_disk_kills_without_a_word(small_disk):
    """The reason why arrays are written in order."""
    program = """
    import sys
    import numpy as np
    array = np.lib.format.open_memmap(sys.argv[1], "w+", np.dtype("float32"), (1_000_000,))
    array[:] = 1
    """
    done = run(program, small_disk / "a.npy")
    assert done.returncode == -signal.SIGBUS
    assert done.stderr == ""


def test_features_on_a_full_disk_are_an_error_that_names_the_file(small_disk, tmp_path):
    np.save(tmp_path / "units.npy", np.ones((300, 1, 1, 1), np.float16))
    program = """
    import sys
    import keras
    from moascope.classification import features
    image = keras.Input((1, 1, 1))
    model = keras.Model(image, keras.layers.Dense(4096)(keras.layers.Flatten()(image)))
    features.extract(model, [sys.argv[1]], None, sys.argv[2])
    """
    done = run(program, tmp_path / "units.npy", small_disk / "f.npy")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("moascope.core.errors.InputError: ")
    assert f"{small_disk / 'f.npy'}: cannot be written (No space left on device)." in last
    assert not list(small_disk.iterdir())
