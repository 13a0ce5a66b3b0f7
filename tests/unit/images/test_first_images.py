"""What cannot be read at all is said before the plates are read."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from imagecodecs import jpeg_encode, png_encode

from moascope.core.errors import InputError
from moascope.images.first_images import check_first_images

PIXELS = np.zeros((16, 16), np.uint8)


def sites(**paths):
    """Return a sites table with the files of each channel."""
    table = {}
    for channel, files in paths.items():
        table[f"path:{channel}"] = [str(file) for file in files]
        table[f"index:{channel}"] = -1
        table[f"bytes:{channel}"] = [file.stat().st_size if file.exists() else -1 for file in files]
    return pd.DataFrame(table)


def tiff(path, pixels=PIXELS, **options):
    tifffile.imwrite(path, pixels, **options)
    return path


def write(path, content):
    path.write_bytes(content)
    return path


def problems(table, **options):
    with pytest.raises(InputError) as caught:
        check_first_images(table, **options)
    return str(caught.value).splitlines()


def test_images_that_can_be_read_pass(tmp_path):
    files = [tiff(tmp_path / "a.tif"), write(tmp_path / "a.png", png_encode(PIXELS))]
    check_first_images(sites(DNA=files, Actin=files))


def test_files_of_a_microscope_are_refused_with_the_reason(tmp_path):
    czi = [write(tmp_path / f"{n}.czi", b"ZISRAWFILE" + bytes(64)) for n in range(4)]
    lif = [write(tmp_path / f"{n}.lif", b"\x70\0\0\0*" + bytes(64)) for n in range(4)]
    heading, *found = problems(sites(DNA=czi, Actin=lif))
    assert heading == "the first images cannot be read: 2 problems"
    assert found[0] == (
        f"  - channel 'DNA': {czi[0]}: not a TIFF, PNG or JPEG image (it is Zeiss CZI). Export it "
        f"again as TIFF. The same is true of {czi[2]}, {czi[3]}. (of 4 .czi files of this channel, "
        "3 were looked at)"
    )
    assert "1.lif" not in found[1]


def test_one_file_of_each_ending_is_read(tmp_path):
    files = [tiff(tmp_path / "a.tif"), tiff(tmp_path / "b.tif")]
    jpeg = write(tmp_path / "c.jpg", jpeg_encode(PIXELS)[:100])
    found = problems(sites(DNA=[*files, jpeg]))
    assert len(found) == 2
    assert "c.jpg: truncated JPEG" in found[1]


def test_stacks_are_refused_with_what_to_set(tmp_path):
    stack = tiff(tmp_path / "z.tif", np.zeros((5, 16, 16), np.uint8), metadata=None)
    assert "Set input.axes, for example to CYX" in problems(sites(DNA=[stack]))[1]
    table = sites(DNA=[stack]).assign(**{"index:DNA": 2})
    check_first_images(table, axes="CYX")


def test_planes_that_are_not_there_are_refused_once_for_all_channels(tmp_path):
    file = tiff(tmp_path / "a.tif", np.zeros((3, 16, 16), np.uint8), photometric="minisblack")
    table = sites(DNA=[file], Actin=[file]).assign(**{"index:DNA": 0, "index:Actin": 7})
    found = problems(table, axes="CYX")
    assert len(found) == 2
    assert "channel 'Actin'" in found[1]


def test_a_damaged_first_image_is_left_to_quarantine(tmp_path):
    files = [write(tmp_path / "a.tif", b"II*\0"), tiff(tmp_path / "b.tif")]
    assert "damaged or truncated TIFF" in problems(sites(DNA=files))[1]
    check_first_images(sites(DNA=files), on_bad_image="quarantine")
    czi = [write(tmp_path / f"{n}.czi", b"ZISRAWFILE" + bytes(64)) for n in range(4)]
    assert "Zeiss CZI" in problems(sites(DNA=czi), on_bad_image="quarantine")[1]


def test_images_that_are_missing_are_not_looked_at(tmp_path):
    table = sites(DNA=[tmp_path / "gone.tif", tiff(tmp_path / "a.tif")])
    table.loc[len(table)] = ["", -1, -1]
    check_first_images(table, on_bad_image="quarantine")


@pytest.mark.parametrize("n_bad", [3, 12])
def test_damaged_images_do_not_stop_a_run_with_quarantine(tmp_path, caplog, n_bad):
    whole = tiff(tmp_path / "whole.tif").read_bytes()
    damaged = [write(tmp_path / f"{n}.tif", whole[:200] if n % 2 else b"") for n in range(n_bad)]
    check_first_images(sites(DNA=damaged), on_bad_image="quarantine")
    n_looked_at = min(n_bad, 10)
    assert f"of {n_bad} .tif files of this channel, {n_looked_at} were looked at" in caplog.text
    with_whole = [*damaged[:3], *(tiff(tmp_path / f"w{n}.tif") for n in range(17))]
    caplog.clear()
    check_first_images(sites(DNA=with_whole), on_bad_image="quarantine")
    assert caplog.text == ""


def test_all_images_that_were_tried_and_cannot_be_read_are_named(tmp_path):
    empty = write(tmp_path / "a.tif", b"")
    czi = write(tmp_path / "b.tif", b"ZISRAWFILE" + bytes(64))
    found = problems(sites(DNA=[empty, tiff(tmp_path / "c.tif"), czi]))
    assert len(found) == 2
    assert f"{empty}: the file is empty" in found[1]
    assert f"{czi}: not a TIFF, PNG or JPEG image (it is Zeiss CZI)" in found[1]
    assert found[1].endswith("(of 3 .tif files of this channel, 3 were looked at)")
