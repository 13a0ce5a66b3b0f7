"""Whatever bytes an image, a mask or a plate store has, only errors of the input come out."""

import struct
import tracemalloc
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from fuzzing import cases, damage
from hypothesis import given
from hypothesis import strategies as st
from plate_images import CHANNELS, WELLS, image, write_sites

from moascope.core.errors import ImageError, InputError
from moascope.images.ingest import ingest_plate
from moascope.images.plate_store import PlateStore
from moascope.images.readers import read_pixel_size, read_planes
from moascope.segmentation.data.masks import read_mask

rng = np.random.default_rng(7)
PLANES = rng.integers(0, 4000, (2, 24, 20)).astype(np.uint16)
LABELS = np.kron(np.arange(12).reshape(3, 4), np.ones((6, 5))).astype(np.uint16)


def _tiff(array, folder, **options):
    path = folder / "valid.tif"
    tifffile.imwrite(path, array, **options)
    return path.read_bytes()


KINDS = {
    "plain": {},
    "strips": {"rowsperstrip": 5, "compression": "lzw"},
    "tiles": {"tile": (16, 16), "compression": "zlib", "predictor": True},
    "big": {"bigtiff": True, "byteorder": ">"},
    "ome": {"ome": True, "metadata": {"axes": "CYX", "PhysicalSizeX": 0.65}},
    "imagej": {"imagej": True, "metadata": {"axes": "CYX", "Labels": ["a", "b"]}},
    "zstd": {"compression": "zstd"},
    "jpeg2000": {"compression": "jpeg2000"},
}


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """Give whole files of many kinds."""
    folder = tmp_path_factory.mktemp("valid")
    found = {kind: _tiff(PLANES, folder, **options) for kind, options in KINDS.items()}
    found["png"] = imagecodecs.png_encode(PLANES[0])
    found["jpg"] = imagecodecs.jpeg_encode((PLANES[0] >> 4).astype(np.uint8))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@cases(400)
@given(data=st.data(), kind=st.sampled_from([*KINDS, "png", "jpg"]))
def test_of_a_damaged_image_only_image_errors_come(valid, folder, data, kind):
    path = folder / "a"
    path.write_bytes(data.draw(damage(valid[kind])))
    try:
        planes, _ = read_planes(path, "CYX")
    except ImageError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert planes.ndim == 3
        assert planes.dtype in (np.uint8, np.uint16, np.float32)
    try:
        size = read_pixel_size(path)
    except ImageError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert size is None or 0 < size < float("inf")


@cases(100)
@given(data=st.data(), kind=st.sampled_from(["plain", "strips", "tiles", "png"]))
def test_of_a_damaged_mask_only_image_errors_come(folder, data, kind):
    whole = (
        imagecodecs.png_encode(LABELS) if kind == "png" else _tiff(LABELS, folder, **KINDS[kind])
    )
    path = folder / "mask"
    path.write_bytes(data.draw(damage(whole)))
    try:
        mask = read_mask(path)
    except ImageError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert mask.labels.dtype == np.int32


@cases(60)
@given(data=st.data())
def test_of_a_damaged_mask_in_a_folder_only_image_errors_come(folder, data):
    masks = folder / "masks"
    masks.mkdir(exist_ok=True)
    for number in range(2):
        whole = imagecodecs.png_encode((number + 1 == LABELS).astype(np.uint8))
        (masks / f"{number}.png").write_bytes(data.draw(damage(whole)) if number else whole)
    try:
        read_mask(masks)
    except ImageError as error:
        assert str(error).startswith(f"{masks}/")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Give the bytes of a plate store."""
    folder = tmp_path_factory.mktemp("store")
    images = [[image(i, c) for c in range(3)] for i in range(3)]
    ingest_plate(write_sites(folder, images, WELLS), CHANNELS, folder / "P.ozx")
    return (folder / "P.ozx").read_bytes(), np.array(images)


@cases(300)
@given(data=st.data())
def test_of_a_damaged_plate_store_come_its_pixels_or_input_errors(store, folder, data):
    whole, images = store
    path = folder / "P.ozx"
    path.write_bytes(data.draw(damage(whole)))
    try:
        with PlateStore(path) as opened:
            pixels = opened.read(range(len(opened)))
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        np.testing.assert_array_equal(pixels, images)


# Sizes that no memory holds


def with_tags(data, tags):
    """Overwrite values of tags in the first directory of a little-endian classic TIFF."""
    content = bytearray(data)
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        code = struct.unpack_from("<H", content, place)[0]
        if code in tags:
            struct.pack_into("<HII", content, place + 2, 4, 1, tags[code])
    return bytes(content)


def png_of(width, height):
    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def bombs(folder):
    plane = np.zeros((24, 20), np.uint8)
    billion = {256: 10**9, 257: 10**9}
    yield "plain", with_tags(_tiff(plane, folder), billion)
    yield "lzw", with_tags(_tiff(plane, folder, compression="lzw"), billion)
    yield "zlib", with_tags(_tiff(plane, folder, compression="zlib"), {256: 60_000, 257: 60_000})
    tiled = _tiff(plane, folder, compression="lzw", tile=(16, 16))
    yield "tiles", with_tags(tiled, {322: 10**6, 323: 10**6})
    yield "samples", with_tags(_tiff(plane, folder, compression="lzw"), {277: 10**6, **billion})
    _tiff(plane, folder, ome=True)
    text = tifffile.tiffcomment(folder / "valid.tif").replace('SizeT="1"', 'SizeT="999999999"')
    yield "ome", _tiff(plane, folder, description=text, metadata=None)
    yield "png", png_of(2**31 - 1, 2**31 - 1)
    yield "png of a file's limit", png_of(900_000, 900_000)
    jpeg = bytearray(imagecodecs.jpeg_encode(plane))
    frame = jpeg.index(b"\xff\xc0")
    struct.pack_into(">2H", jpeg, frame + 5, 65_500, 65_500)
    yield "jpg", bytes(jpeg)


def test_absurd_sizes_are_refused_before_memory_is_taken(folder):
    names = []
    for name, content in bombs(folder):
        names.append(name)
        path = folder / "bomb"
        path.write_bytes(content)
        for read in (read_planes, read_mask):
            tracemalloc.start()
            with pytest.raises(ImageError) as caught:
                read(path)
                pytest.fail(f"{name}: was read")
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 2**25, (name, peak)
            assert str(caught.value).startswith(f"{path}: "), name
            assert "MemoryError" not in str(caught.value), name
    assert len(names) == 9


def test_a_size_that_is_claimed_is_named_with_what_is_read(folder):
    path = folder / "bomb.tif"
    plane = np.zeros((24, 20), np.uint8)
    path.write_bytes(with_tags(_tiff(plane, folder), {256: 10**9, 257: 10**9}))
    with pytest.raises(ImageError) as caught:
        read_planes(path)
    assert "declares 1,000,000,000,000,000,000 bytes of pixels in a file of" in str(caught.value)
    assert "at most 2 GB are read. Copy it again" in str(caught.value)
    with pytest.raises(ImageError, match=r"are read\. Export the mask again"):
        read_mask(path)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_whole_images_are_not_refused(folder, options):
    path = folder / "whole.tif"
    for planes in (PLANES, np.zeros((1, 600, 600), np.uint16)):
        chosen = dict(options)
        if len(planes) == 1 and "metadata" in chosen:
            chosen["metadata"] = {"axes": "CYX"}
        tifffile.imwrite(path, planes, **chosen)
        np.testing.assert_array_equal(read_planes(path, "CYX")[0], planes)
