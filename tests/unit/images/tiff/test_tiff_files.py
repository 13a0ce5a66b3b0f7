"""TIFF files that hold more, less or other than they say."""

import io
import logging
import re
import struct
import tracemalloc

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from moascope.core.errors import ImageError
from moascope.images.readers import read_pixels, read_planes
from moascope.images.tiff.tiff_files import open_tiff
from moascope.segmentation.data.masks import read_mask

RNG = np.random.default_rng(3)
PLANES = RNG.integers(0, 60_000, (3, 40, 48)).astype(np.uint16)
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ome_file(path, pages, channels, tiff_data="<TiffData/>"):
    """Write pages with OME metadata that speak of so many channels."""
    height, width = pages[0].shape
    names = "".join(f'<Channel ID="Channel:0:{i}" Name="c{i}"/>' for i in range(channels))
    xml = (
        f'<OME xmlns="{NAMESPACE}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYCZT" Type="uint16" SizeX="{width}" SizeY="{height}" '
        f'SizeC="{channels}" SizeZ="1" SizeT="1">{names}{tiff_data}</Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(pages):
            description = xml if number == 0 else None
            writer.write(page, description=description, metadata=None, contiguous=False)
    return path


def edit_tag(path, code, change):
    """Change the value of a tag of the first page."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tag = tiff.pages[0].tags[code]
        tag.overwrite(change(tag.value))


def test_ome_metadata_that_fit_are_read(tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", PLANES, 3)
    planes, names = read_planes(path)
    np.testing.assert_array_equal(planes, PLANES)
    assert names == ["c0", "c1", "c2"]


@pytest.mark.parametrize("tiff_data", ["<TiffData/>", "".join(
    f'<TiffData FirstC="{i}" IFD="{i}" PlaneCount="1"/>' for i in range(3))])  # fmt: skip
def test_promised_channels_that_are_missing_are_not_zeros(tmp_path, tiff_data):
    path = ome_file(tmp_path / "a.ome.tif", PLANES[:2], 3, tiff_data)
    with pytest.raises(ImageError, match=r"a\.ome\.tif: incomplete: the OME metadata .*Copy it"):
        read_planes(path)


def test_pages_that_ome_metadata_do_not_mention_are_named(tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", PLANES, 1, '<TiffData IFD="0" PlaneCount="1"/>')
    expected = r"holds 3 pages, but its OME metadata describes 1, so 2 would not be read\."
    with pytest.raises(ImageError, match=expected):
        read_planes(path)
    with pytest.raises(ImageError, match=r"b.ome.tif: incomplete: .* fewer planes than they list"):
        read_planes(ome_file(tmp_path / "b.ome.tif", PLANES, 1))


def test_one_page_for_two_channels_is_refused(tmp_path):
    twice = '<TiffData FirstC="0" IFD="0"/><TiffData FirstC="1" IFD="0"/>'
    path = ome_file(tmp_path / "a.ome.tif", PLANES[:1], 2, twice)
    with pytest.raises(ImageError, match="several planes are the same page"):
        read_planes(path)


@pytest.mark.parametrize("is_ome", [False, True])
def test_smaller_copies_of_an_image_are_no_further_planes(tmp_path, is_ome):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=is_ome) as writer:
        options = {"tile": (16, 16), "photometric": "minisblack"}
        writer.write(PLANES[0], subifds=1 if is_ome else 0, metadata={"axes": "YX"}, **options)
        writer.write(PLANES[0][::2, ::2], subfiletype=1, metadata=None, **options)
    np.testing.assert_array_equal(read_pixels(path), PLANES[:1])


def test_ome_metadata_of_another_size_are_refused(tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", PLANES[:1], 1)
    tifffile.tiffcomment(path, tifffile.tiffcomment(path).replace('SizeX="48"', 'SizeX="50"'))
    with pytest.raises(ImageError, match="incomplete: the OME metadata speak of another size"):
        read_planes(path)


def test_the_same_holds_for_masks(tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", PLANES[:1], 3)
    with pytest.raises(ImageError, match=r"incomplete: the OME metadata .* Export the mask again"):
        read_mask(path)


def test_ome_metadata_cannot_fill_the_memory(tmp_path):
    path = ome_file(tmp_path / "a.ome.tif", PLANES[:1], 1)
    text = tifffile.tiffcomment(path)
    for axis in "CZT":
        text = text.replace(f'Size{axis}="1"', f'Size{axis}="90000"')
    tifffile.tiffcomment(path, text)
    with pytest.raises(ImageError, match="list more than 1,000,000 planes"):
        read_planes(path)


def imagej_file(path, planes, byteorder=">"):
    """Write planes as ImageJ does beyond 4 GB: one directory, and then all pixels."""
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "CYX"}, byteorder=byteorder,
                     truncate=True)  # fmt: skip
    with tifffile.TiffFile(path) as tiff:
        assert len(tiff.pages) == 1
    return path


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_imagej_hyperstacks_with_one_directory_are_read(tmp_path, byteorder):
    path = imagej_file(tmp_path / "a.tif", PLANES, byteorder)
    np.testing.assert_array_equal(read_pixels(path), PLANES)


def test_imagej_hyperstacks_that_end_early_are_refused(tmp_path):
    path = imagej_file(tmp_path / "a.tif", PLANES)
    whole = path.read_bytes()
    for lost in (1, 100, 2 * 40 * 48):
        path.write_bytes(whole[:-lost])
        with pytest.raises(ImageError, match=r"truncated TIFF|promises more than the file holds"):
            read_pixels(path)


def test_imagej_files_beyond_4_gb_are_opened(tmp_path):
    """In ImageJ's own way: one directory of a classic TIFF, and all pixels behind it."""
    path = tmp_path / "large.tif"
    with tifffile.TiffWriter(path, imagej=True) as writer:  # a hole in the file, no bytes on disk
        writer.write(shape=(5, 30_000, 30_000), dtype="uint8", metadata={"axes": "CYX"},
                     truncate=True)  # fmt: skip
    with open_tiff(path, max_gigabytes=5) as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape) == ("CYX", (5, 30_000, 30_000))
        assert not tiff.is_bigtiff
    with pytest.raises(ImageError, match=r"at most 2 GB .* set max_image_gigabytes: 4\.5"):
        read_pixels(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    with pytest.raises(ImageError, match="promises more than the file holds"):
        read_pixels(path, max_gigabytes=5)


KINDS = {
    "plain": {"rowsperstrip": 16},
    "lzw": {"rowsperstrip": 16, "compression": "lzw"},
    "lzw predictor": {"rowsperstrip": 16, "compression": "lzw", "predictor": True},
    "deflate": {"rowsperstrip": 16, "compression": "zlib"},
    "packbits": {"rowsperstrip": 16, "compression": "packbits"},
    "zstd": {"rowsperstrip": 16, "compression": "zstd"},
    "tiles": {"tile": (16, 16)},
    "deflate tiles": {"tile": (16, 16), "compression": "zlib"},
}  # 40 rows: the last of three strips is half full


def written(path, options):
    tifffile.imwrite(path, PLANES[0], metadata=None, **options)
    with tifffile.TiffFile(path) as tiff:  # the directory comes first, so cuts hit the pixels
        page = tiff.pages[0]
        return min(page.dataoffsets), max(
            map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        )


@pytest.mark.parametrize("name", KINDS)
def test_a_last_strip_that_claims_too_many_bytes_is_read(tmp_path, name, caplog):
    path = tmp_path / "a.tif"
    written(path, KINDS[name])
    code = 325 if "tile" in KINDS[name] else 279
    edit_tag(path, code, lambda counts: (*counts[:-1], counts[-1] + 700))
    with caplog.at_level(logging.WARNING, "moascope"):
        np.testing.assert_array_equal(read_pixels(path)[0], PLANES[0])
    assert "a.tif: the sizes of its strips or tiles go beyond the end of the file" in caplog.text
    np.testing.assert_array_equal(read_pixels(path)[0], tifffile.imread(path))
    if name == "plain":  # libtiff refuses the others, though nothing is missing
        np.testing.assert_array_equal(np.asarray(Image.open(path)), PLANES[0])


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(share=st.floats(0, 1, exclude_max=True), is_honest=st.booleans())
def test_a_cut_into_the_pixels_is_refused(tmp_path, name, share, is_honest):
    """Also where strips claim too much anyway. Only a mark of the end may be lost."""
    path = tmp_path / "a.tif"
    start, end = written(path, KINDS[name])
    if not is_honest:
        code = 325 if "tile" in KINDS[name] else 279
        edit_tag(path, code, lambda counts: (*counts[:-1], counts[-1] + 700))
    cut = start + int(share * (end - start))
    path.write_bytes(path.read_bytes()[:cut])
    try:
        planes = read_pixels(path)
    except ImageError as error:
        assert "truncated" in str(error)
    else:
        assert name.startswith("lzw")
        assert cut >= end - 3
        np.testing.assert_array_equal(planes[0], PLANES[0])


def test_strips_that_were_never_written_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    written(path, KINDS["plain"])
    edit_tag(path, 273, lambda offsets: (*offsets[:-1], 0))
    with pytest.raises(ImageError, match="truncated TIFF"):
        read_pixels(path)


def peak_of(read):
    """Bytes that are taken at most while something is refused, and the message."""
    tracemalloc.start()
    with pytest.raises(ImageError) as caught:
        read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, str(caught.value)


def test_a_small_file_of_a_huge_image_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "bomb.tif"
    strip = imagecodecs.zlib_encode(bytes(100 * 60_000))
    with tifffile.TiffWriter(path) as writer:
        writer.write(iter([strip] * 600), shape=(60_000, 60_000), dtype="uint8",
                     compression="zlib", rowsperstrip=100, metadata=None)  # fmt: skip
    assert path.stat().st_size < 5_000_000
    for read in (read_pixels, read_mask):
        peak, message = peak_of(lambda read=read: read(path))
        assert "declares 3,600,000,000 bytes of pixels" in message
        assert "at most 2 GB are read" in message
        assert "set max_image_gigabytes: 3.6" in message
        assert peak < 2**24


def test_the_limit_can_be_lowered_and_raised(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PLANES[0])
    with pytest.raises(ImageError, match=r"declares 3,840 bytes .* at most 1e-06 GB"):
        read_pixels(path, max_gigabytes=1e-6)
    assert read_pixels(path, max_gigabytes=1e-5).shape == (1, 40, 48)


def test_pages_that_share_their_pixels_count_each(tmp_path):
    """Many pages that point to one strip are many images in memory."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PLANES[:1].repeat(200, axis=0), metadata=None, compression="zlib",
                     photometric="minisblack")  # fmt: skip
    with pytest.raises(ImageError, match="declares 768,000 bytes"):
        read_pixels(path, "CYX", max_gigabytes=5e-4)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd"])
def test_a_strip_that_decompresses_to_more_than_its_rows_takes_no_memory(tmp_path, compression):
    codec = {
        "zlib": imagecodecs.zlib_encode,
        "lzw": imagecodecs.lzw_encode,
        "packbits": lambda zeros: b"\x81\0" * (len(zeros) // 128),
        "zstd": imagecodecs.zstd_encode,
    }[compression]
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(iter([codec(bytes(2**21))]), shape=(40, 48), dtype="uint8",
                     compression=compression, metadata=None)  # fmt: skip
    tracemalloc.start()
    try:
        assert (read_pixels(path) == 0).all()
    except ImageError as error:
        assert "damaged" in str(error)
    assert tracemalloc.get_traced_memory()[1] < 2**19
    tracemalloc.stop()


def test_a_jpeg_strip_that_declares_a_huge_image_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    strip = bytearray(imagecodecs.jpeg_encode(np.zeros((40, 48), np.uint8)))
    place = strip.index(b"\xff\xc0") + 5
    strip[place : place + 4] = struct.pack(">2H", 60_000, 60_000)
    with tifffile.TiffWriter(path) as writer:
        writer.write(iter([bytes(strip)]), shape=(40, 48), dtype="uint8", compression="jpeg",
                     metadata=None)  # fmt: skip
    peak, message = peak_of(lambda: read_pixels(path))
    assert "declares 10,800,000,000 bytes of pixels" in message
    assert peak < 2**20


def png_chunk(name, content):
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", imagecodecs.zlib_crc32(body))


def test_a_png_of_a_huge_image_is_refused_before_memory_is_taken(tmp_path):
    whole = imagecodecs.png_encode(np.zeros((8, 8, 4), np.uint16))
    head = struct.pack(">2I", 20_000, 20_000) + whole[24:29]
    path = tmp_path / "a.png"
    path.write_bytes(whole[:8] + png_chunk(b"IHDR", head) + whole[33:] + bytes(200_000))
    peak, message = peak_of(lambda: read_pixels(path))
    assert "declares 3,200,000,000 bytes" in message  # four samples of two bytes
    assert peak < 2**22


def test_texts_and_profiles_of_a_png_are_not_decompressed(tmp_path):
    image = RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    whole = imagecodecs.png_encode(image)
    bomb = imagecodecs.zlib_encode(bytes(2**26))
    extra = png_chunk(b"iCCP", b"p\0\0" + bomb) + png_chunk(b"zTXt", b"t\0\0" + bomb)
    path = tmp_path / "a.png"
    path.write_bytes(whole[:33] + extra + whole[33:])
    np.testing.assert_array_equal(read_pixels(path), image.transpose(2, 0, 1))


def test_a_palette_png_with_transparency_still_reads_its_colours(tmp_path):
    image = Image.fromarray(RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)).quantize(16)
    content = io.BytesIO()
    image.save(content, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(content.getvalue())
    expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(read_pixels(path), expected)


def test_message_of_a_truncated_file_names_its_size(tmp_path):
    path = tmp_path / "a.tif"
    _, end = written(path, KINDS["plain"])
    path.write_bytes(path.read_bytes()[: end - 1000])
    with pytest.raises(ImageError, match=rf"truncated TIFF .*{re.escape('Copy it again')}"):
        read_pixels(path)
