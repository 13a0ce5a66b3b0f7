"""What is wrong with the machine is never taken for damage of a file."""

import errno
import os
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from imagecodecs import jpeg_encode, png_encode

import moascope
from moascope.core.damage import MachineError, machine_error
from moascope.core.errors import ImageError, InputError, MissingImageError
from moascope.core.files import damaged

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(moascope.__file__).parents[1])}
BEFORE = """
import resource, sys
from pathlib import Path

import numpy, pandas
from moascope.images import ingest
from moascope.images import plate_store, readers
from moascope.segmentation.data import masks
from moascope.core.damage import MachineError
from moascope.core.errors import ImageError

def used():
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()

def leave(megabytes):
    limit = used() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

def outcome(function, *args, **options):
    try:
        function(*args, **options)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "read"
"""


def child(code, *arguments):
    """Run code in a process of its own, whose limits end with it."""
    script = BEFORE + textwrap.dedent(code)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Intact images of 32 MB, in small files."""
    folder = tmp_path_factory.mktemp("large")
    pixels = np.zeros((4000, 4000), np.uint16)
    pixels[::50, ::50] = 1000
    for compression in ("zlib", "lzw", "zstd"):
        tifffile.imwrite(folder / f"{compression}.tif", pixels, compression=compression)
    tifffile.imwrite(folder / "plain.tif", pixels)
    (folder / "image.png").write_bytes(png_encode(pixels))
    (folder / "image.jpg").write_bytes(jpeg_encode(pixels.astype(np.uint8)))
    return folder


def test_an_intact_image_without_memory_for_it_is_not_damaged(large):
    """Real limits of a process, since every library says in its own way that memory is short."""
    names = sorted(path.name for path in large.iterdir())
    lines = child(
        """
        names = sys.argv[2:]
        for megabytes in (6, 20, 30):
            leave(megabytes)
            for name in names:
                path = Path(sys.argv[1], name)
                print(name, megabytes, outcome(readers.read_pixels, path), sep="|")
                if not name.endswith("jpg"):
                    print(name, megabytes, outcome(masks.read_labels, path), sep="|")
        """,
        large,
        *names,
    )
    assert len(lines) == 3 * (2 * len(names) - 1)
    for line in lines:
        _, _, result = line.split("|")
        # Memory that runs out outside of a reader needs no other words.
        assert result.startswith(("MachineError", "MemoryError", "_ArrayMemoryError", "read")), line
    assert sum("MachineError" in line and "not enough memory" in line for line in lines) > 10


def test_a_plate_is_not_quarantined_for_want_of_memory(large, tmp_path):
    lines = child(
        """
        row = {"site_id": "P/A01/1", "plate": "P", "well": "A01", "index:DNA": -1}
        row["path:DNA"] = sys.argv[1]
        out = sys.argv[2]
        leave(15)
        sites = pandas.DataFrame([row, {**row, "site_id": "P/A01/2"}])
        print(outcome(ingest.ingest_plate, sites, ["DNA"], out, on_bad_image="quarantine"))
        """,
        large / "zlib.tif",
        tmp_path / "P.ozx",
    )
    assert lines[0].startswith("MachineError")
    assert not list(tmp_path.iterdir())


def test_too_many_open_files_are_not_damage(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8))
    (tmp_path / "a.png").write_bytes(png_encode(np.zeros((8, 8), np.uint8)))
    lines = child(
        """
        import os
        held = []
        files = resource.RLIMIT_NOFILE
        resource.setrlimit(files, (64, resource.getrlimit(files)[1]))
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        for name in sys.argv[2:]:
            path = Path(sys.argv[1], name)
            print(outcome(readers.read_pixels, path))
            print(outcome(readers.read_pixel_size, path))
            print(outcome(readers.common_size, [path]))
            print(outcome(masks.read_labels, path))
        """,
        *(tmp_path, "a.tif", "a.png"),
    )
    assert len(lines) == 8
    assert all(line.startswith("MachineError") for line in lines)
    assert "Too many open files" in lines[0]
    assert "ulimit -n" in lines[0]


@pytest.mark.parametrize(
    "code",
    [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOSPC, errno.EMFILE, errno.ENFILE]
    + [errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EAGAIN, errno.EHOSTDOWN, errno.EREMOTEIO],
)
def test_errors_of_disk_and_system_are_not_damage(code):
    failed = OSError(code, "because")
    found = machine_error("a.tif", failed)
    assert isinstance(found, MachineError)
    assert not isinstance(found, ImageError)
    assert str(found).startswith("a.tif: ")
    # Libraries put their own error around it.
    for link in ("__cause__", "__context__"):
        outer = ValueError("corrupt strip")
        setattr(outer, link, failed)
        assert isinstance(machine_error("a.tif", outer), MachineError)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        zlib.error("Error -4 while decompressing data"),
        ValueError("ZSTD_decompress returned b'Allocation error : not enough memory'"),
        RuntimeError("uncompress2 returned Z_MEM_ERROR"),
        RuntimeError("can't start new thread"),
    ],
    ids=str,
)
def test_memory_that_ran_out_within_a_library_is_not_damage(error):
    assert "not enough memory" in str(machine_error("a.tif", error))


@pytest.mark.parametrize(
    "error",
    [
        zlib.error("Error -3 while decompressing data: invalid code"),
        ValueError("corrupt strip cannot be reshaped"),
        OSError("image file is truncated"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        IsADirectoryError(errno.EISDIR, "Is a directory"),
        EOFError(),
        InputError("a.tif: 3.6 GB are more than fit into memory; there is not enough memory"),
    ],
    ids=repr,
)
def test_a_file_that_is_damaged_or_missing_stays_so(error):
    assert machine_error("a.tif", error) is None


def test_a_file_of_the_run_is_not_called_damaged_where_the_disk_fails():
    message = str(damaged("results/r/units.parquet", OSError(errno.EIO, "Input/output error")))
    assert "Input/output error" in message
    assert "Delete it" not in message
    assert "is damaged" in str(damaged("results/r/units.parquet", ValueError("no magic bytes")))


def test_sites_without_files_are_quarantined_as_missing(tmp_path):
    from moascope.images.ingest import ingest_plate

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16), np.uint8))
    (tmp_path / "bad.tif").write_bytes(b"II*\0" + bytes(20))
    (tmp_path / "text.tif").write_bytes(b"not an image")
    files = [("a.tif", "a.tif"), ("gone.tif", "a.tif"), ("bad.tif", "a.tif"), ("text.tif", "gone")]
    sites = pd.DataFrame(
        {
            "site_id": [f"P/A0{n}/1" for n in range(1, 6)],
            "plate": "P",
            "well": [f"A0{n}" for n in range(1, 6)],
            "path:DNA": [*(str(tmp_path / one) for one, _ in files), ""],
            "path:Actin": [*(str(tmp_path / two) for _, two in files), str(tmp_path / "a.tif")],
            "index:DNA": -1,
            "index:Actin": -1,
        }
    )
    table = ingest_plate(sites, ["DNA", "Actin"], tmp_path / "P.ozx", on_bad_image="quarantine")
    assert table["status"].tolist() == ["ok", *["quarantined"] * 4]
    assert table["reason"].tolist() == ["", "missing", "unreadable", "unreadable", "missing"]
    assert "gone.tif: no such file" in table["message"][1]
    assert table["message"][4] == "no image file is named for channel 'DNA'."
    with pytest.raises(InputError, match="quarantine goes on without them"):
        ingest_plate(sites, ["DNA", "Actin"], tmp_path / "Q.ozx")
    assert issubclass(MissingImageError, ImageError)
