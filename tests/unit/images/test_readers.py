"""Reading image files: every format, and every way a file can be wrong."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from moascope.core.errors import ImageError, InputError
from moascope.images.readers import common_size, read_pixel_size, read_pixels, read_planes

RNG = np.random.default_rng(0)
CYX = RNG.integers(0, 60_000, (3, 20, 30)).astype(np.uint16)
RGB8 = RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)

pixels = st.sampled_from([np.uint8, np.uint16, np.float32]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
        elements={"allow_nan": False, "allow_infinity": False} if dtype is np.float32 else None,
    )
)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(array=pixels)
def test_ome_tiff_round_trip(tmp_path, array, compression, byteorder):
    path = tmp_path / "a.ome.tif"
    stored = array.astype(array.dtype.newbyteorder(byteorder))
    tifffile.imwrite(
        path, stored, ome=True, metadata={"axes": "CYX"}, compression=compression,
        photometric="minisblack", byteorder=byteorder,
    )  # fmt: skip
    planes, _ = read_planes(path)
    assert planes.dtype == array.dtype
    assert planes.dtype.isnative
    np.testing.assert_array_equal(planes, array)


def test_ome_tiff_gives_channel_names_and_pixel_size(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["DNA", "actin", "tubulin"]},
        "PhysicalSizeX": 650.0,
        "PhysicalSizeXUnit": "nm",
    }
    tifffile.imwrite(path, CYX, ome=True, metadata=metadata, photometric="minisblack")
    assert read_planes(path)[1] == ["DNA", "actin", "tubulin"]
    assert read_pixel_size(path) == pytest.approx(0.65)


def test_pixel_size_is_unknown_where_the_file_does_not_say(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", CYX[0])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(RGB8))
    assert read_pixel_size(tmp_path / "a.tif") is None
    assert read_pixel_size(tmp_path / "a.png") is None


@pytest.mark.parametrize("size", ["abc", "0,65", "0", "-1", "nan", "inf"])
def test_a_pixel_size_that_is_no_length_is_unknown(tmp_path, size):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "CYX", "PhysicalSizeX": size}
    tifffile.imwrite(path, CYX, ome=True, metadata=metadata, photometric="minisblack")
    assert read_pixel_size(path) is None


@pytest.mark.parametrize("description", ["<OME", '<OME xmlns="o"></OME>', "<OME><Image/></OME>"])
def test_metadata_without_pixels_tell_no_pixel_size(tmp_path, description):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, CYX[0], description=description, metadata=None)
    assert read_pixel_size(path) is None


def test_one_file_of_an_ome_set_is_read_for_itself(tmp_path):
    """Sets name their siblings; a missing sibling must not become a plane of zeros."""
    path = tmp_path / "c0.ome.tif"
    tifffile.imwrite(path, CYX[0], metadata=None)
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:a">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" '
        'SizeY="20" SizeC="2" SizeZ="1" SizeT="1"><Channel ID="Channel:0:0" Name="DNA"/>'
        '<Channel ID="Channel:0:1" Name="actin"/>'
        '<TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="c0.ome.tif">urn:uuid:a</UUID>'
        '</TiffData><TiffData FirstC="1" IFD="0" PlaneCount="1">'
        '<UUID FileName="c1.ome.tif">urn:uuid:b</UUID></TiffData></Pixels></Image></OME>'
    )
    tifffile.imwrite(path, CYX[0], description=xml, metadata=None)
    np.testing.assert_array_equal(read_planes(path)[0], CYX[:1])


def test_imagej_hyperstack_gives_its_labels(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, CYX, imagej=True, metadata={"axes": "CYX", "Labels": ["a", "b", "c"]})
    planes, names = read_planes(path)
    np.testing.assert_array_equal(planes, CYX)
    assert names == ["a", "b", "c"]


def test_multi_page_tiff_without_metadata_needs_input_axes(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, CYX, metadata=None, photometric="minisblack")
    with pytest.raises(ImageError, match=r"shape \(3, 20, 30\) without metadata .* input.axes"):
        read_planes(path)
    np.testing.assert_array_equal(read_planes(path, "CYX")[0], CYX)


def test_input_axes_orders_the_array(tmp_path):
    path = tmp_path / "a.tif"
    stored = np.ascontiguousarray(CYX[:, np.newaxis].transpose(1, 0, 2, 3))
    tifffile.imwrite(path, stored[0], metadata=None, photometric="minisblack")
    np.testing.assert_array_equal(read_planes(path, "CXY")[0], CYX.transpose(0, 2, 1))


def test_file_metadata_win_over_input_axes(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, CYX.transpose(1, 0, 2), metadata={"axes": "YCX"},
                     photometric="minisblack")  # fmt: skip
    np.testing.assert_array_equal(read_planes(path, "CYX")[0], CYX)


def test_input_axes_of_the_wrong_length_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, CYX, metadata=None, photometric="minisblack")
    with pytest.raises(ImageError, match=r"input.axes is TCYX \(4 axes\).*\(3, 20, 30\)"):
        read_planes(path, "TCYX")


def test_input_axes_that_make_more_channels_than_pixels_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, CYX, metadata=None, photometric="minisblack")
    with pytest.raises(ImageError, match=r"axes YXC its shape .* means 30 channels of 3 x 20 px"):
        read_planes(path, "YXC")


@pytest.mark.parametrize("axes", ["CY", "CCYX", "CYXQ", ""])
def test_input_axes_that_are_no_axes_are_refused(tmp_path, axes):
    with pytest.raises(InputError, match=r"input.axes: .* is no order of axes"):
        read_planes(tmp_path / "never_looked_at.tif", axes)


@pytest.mark.parametrize(
    ("axis", "what"), [("Z", r"3 focal planes \(Z\)"), ("T", r"3 time points \(T\)")]
)
def test_stacks_are_refused(tmp_path, axis, what):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, CYX, ome=True, metadata={"axes": f"{axis}YX"}, photometric="minisblack")
    with pytest.raises(ImageError, match=f"holds {what}; .* Project or choose one"):
        read_planes(path)


def test_single_focal_plane_and_time_point_are_dropped(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, CYX[np.newaxis, :, np.newaxis], ome=True, metadata={"axes": "TCZYX"},
                     photometric="minisblack")  # fmt: skip
    np.testing.assert_array_equal(read_planes(path)[0], CYX)


def test_pages_of_different_sizes_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(CYX[0], metadata=None)
        writer.write(CYX[0, :10, :10], metadata=None)
    with pytest.raises(ImageError, match="holds 2 images of different kinds"):
        read_planes(path)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb_tiff_is_split(tmp_path, planar):
    path = tmp_path / "a.tif"
    stored = RGB8 if planar == "contig" else RGB8.transpose(2, 0, 1)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, metadata=None)
    planes, names = read_planes(path)
    np.testing.assert_array_equal(planes, RGB8.transpose(2, 0, 1))
    assert names == ["red", "green", "blue"]


@pytest.mark.parametrize("photometric", ["miniswhite", "palette"])
def test_inverted_and_palette_tiffs_are_refused(tmp_path, photometric):
    path = tmp_path / "a.tif"
    colormap = np.zeros((3, 256), np.uint16) if photometric == "palette" else None
    tifffile.imwrite(path, RGB8[..., 0], photometric=photometric, colormap=colormap)
    with pytest.raises(ImageError, match=f"photometric interpretation {photometric.upper()}"):
        read_planes(path)


RAMP = np.linspace(0, 65_535, 256).astype(np.uint16)
NONE = np.zeros_like(RAMP)


@pytest.mark.parametrize("colours", [(RAMP, RAMP, RAMP), (NONE, RAMP, NONE), (RAMP, NONE, RAMP)])
def test_look_up_tables_are_not_colours(tmp_path, colours):
    """Fiji writes a channel in green as a palette; its pixels are plain intensities."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB8[..., 0], photometric="palette", colormap=np.array(colours))
    planes, names = read_planes(path)
    np.testing.assert_array_equal(planes, RGB8[..., 0][np.newaxis])
    assert names is None


@pytest.mark.parametrize("mode", ["color", "composite", "grayscale"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_composites_of_fiji_are_plain_intensities(tmp_path, mode, dtype, byteorder):
    path = tmp_path / "a.tif"
    luts = [np.zeros((3, 256), np.uint8) for _ in range(3)]
    for number, lut in enumerate(luts):
        lut[number] = np.arange(256)
    stack = CYX.astype(dtype).reshape(1, 1, 3, 20, 30)
    tifffile.imwrite(path, stack, imagej=True, byteorder=byteorder,
                     metadata={"axes": "TZCYX", "mode": mode, "LUTs": luts})  # fmt: skip
    np.testing.assert_array_equal(read_planes(path)[0], CYX.astype(dtype))


def test_composites_of_fiji_with_a_palette_are_plain_intensities(tmp_path):
    """The first channel's look-up table stands in a tag of every page of 8 bits."""
    path = tmp_path / "a.tif"
    description = "ImageJ=1.54f\nimages=3\nchannels=3\nhyperstack=true\nmode=color\nloop=false\n"
    with tifffile.TiffWriter(path, byteorder=">") as writer:
        for number, plane in enumerate(CYX.astype(np.uint8)):
            writer.write(
                plane, photometric="palette", colormap=np.array([NONE, NONE, RAMP]), metadata=None,
                description=None if number else description, contiguous=False,
            )  # fmt: skip
    np.testing.assert_array_equal(read_planes(path)[0], CYX.astype(np.uint8))


def test_pictures_with_a_palette_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(RGB8).quantize(64).save(path)
    with pytest.raises(ImageError, match="indices of a colour palette"):
        read_planes(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_png(tmp_path, dtype):
    array = CYX[0].astype(dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    planes, names = read_planes(tmp_path / "a.png")
    assert planes.dtype == dtype
    assert names is None
    np.testing.assert_array_equal(planes[0], array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rgb_png_is_split(tmp_path, dtype):
    array = RGB8.astype(dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    planes, names = read_planes(tmp_path / "a.png")
    assert planes.dtype == dtype
    assert names == ["red", "green", "blue"]
    np.testing.assert_array_equal(planes, array.transpose(2, 0, 1))


def test_constant_alpha_is_dropped(tmp_path):
    array = np.dstack([RGB8, np.full(RGB8.shape[:2], 255, np.uint8)])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=["unassalpha"])
    for name in ("a.png", "a.tif"):
        planes, names = read_planes(tmp_path / name)
        np.testing.assert_array_equal(planes, RGB8.transpose(2, 0, 1))
        assert names == ["red", "green", "blue"]


def test_varying_alpha_is_refused(tmp_path):
    array = np.dstack([RGB8, RGB8[..., 0]])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    with pytest.raises(ImageError, match=r"opacity \(alpha\) channel that varies"):
        read_planes(tmp_path / "a.png")


def test_jpeg_grey_and_rgb(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    (tmp_path / "grey.jpg").write_bytes(imagecodecs.jpeg_encode(smooth, level=98))
    (tmp_path / "rgb.JPG").write_bytes(imagecodecs.jpeg_encode(np.dstack([smooth] * 3), level=98))
    grey, names = read_planes(tmp_path / "grey.jpg")
    assert names is None
    assert np.abs(grey[0].astype(int) - smooth).max() <= 3
    assert read_planes(tmp_path / "rgb.JPG")[0].shape == (3, 64, 64)


def test_jpeg_in_cmyk_is_refused(tmp_path):
    array = np.dstack([RGB8, RGB8[..., 0]])
    data = imagecodecs.jpeg_encode(array, colorspace="CMYK", outcolorspace="CMYK")
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(ImageError, match="a JPEG in CMYK colours"):
        read_planes(tmp_path / "a.jpg")


def test_signed_integers_without_negatives_are_unsigned(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", CYX[0].astype(np.int16) & 0x7FFF)
    assert read_planes(tmp_path / "a.tif")[0].dtype == np.uint16


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.complex64])
def test_other_pixel_types_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", CYX[0].astype(dtype))
    with pytest.raises(ImageError, match=f"its pixels are {np.dtype(dtype).name}. Export it as"):
        read_planes(tmp_path / "a.tif")


def test_negative_integers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", -np.ones((4, 4), np.int16))
    with pytest.raises(ImageError, match="its pixels are int16"):
        read_planes(tmp_path / "a.tif")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_numbers_are_refused(tmp_path, value):
    array = np.zeros((5, 6), np.float32)
    array[2, 3] = value
    tifffile.imwrite(tmp_path / "a.tif", array)
    message = r"a\.tif: 1 pixels are NaN or infinite, the first at plane 0, y 2, x 3\. Export it"
    with pytest.raises(ImageError, match=message):
        read_planes(tmp_path / "a.tif")


def test_missing_file(tmp_path):
    with pytest.raises(ImageError, match=r"a\.tif: no such file\. Correct the path"):
        read_planes(tmp_path / "a.tif")


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(ImageError, match=r"cannot be opened \(it is a folder, not a file\)"):
        read_planes(tmp_path)


def test_zero_byte_file(tmp_path):
    (tmp_path / "a.tif").touch()
    with pytest.raises(ImageError, match=r"a\.tif: the file is empty \(0 bytes\)\. Copy it again"):
        read_planes(tmp_path / "a.tif")


def test_png_named_tif(tmp_path):
    (tmp_path / "a.tif").write_bytes(imagecodecs.png_encode(RGB8))
    message = r"a\.tif: a PNG image with the name of a TIFF image\. Rename it to a\.png"
    with pytest.raises(ImageError, match=message):
        read_planes(tmp_path / "a.tif")


def test_format_is_told_by_content_where_the_suffix_says_nothing(tmp_path):
    (tmp_path / "a.C01").write_bytes(imagecodecs.png_encode(RGB8))
    assert read_planes(tmp_path / "a.C01")[0].shape == (3, 20, 30)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a", "it is GIF"),
        (b"version https://git-lfs.github.com/spec/v1", "it is Git LFS pointer"),
        (b"<html>", "it is HTML or XML"),
        (b"DICM", "match no known image format"),
    ],
)
def test_other_formats_are_named(tmp_path, content, kind):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match=f"not a TIFF, PNG or JPEG image .*{kind}.*Export it"):
        read_planes(tmp_path / "a.tif")


def encoded(kind: str) -> bytes:
    """One image in the given form."""
    if kind == "png":
        return imagecodecs.png_encode(CYX[0])
    if kind == "jpg":
        return imagecodecs.jpeg_encode(RGB8)
    options: dict = {
        "plain": {"metadata": {"axes": "CYX"}},
        "strips": {"metadata": {"axes": "CYX"}, "rowsperstrip": 4, "compression": "zlib"},
        "lzw": {"metadata": {"axes": "CYX"}, "compression": "lzw"},
        "big": {"metadata": {"axes": "CYX"}, "bigtiff": True},
        "pages": {"metadata": None},
        "ome": {"metadata": {"axes": "CYX"}, "ome": True},
        "imagej": {"metadata": {"axes": "CYX"}, "imagej": True},
    }[kind]
    from io import BytesIO

    file = BytesIO()
    tifffile.imwrite(file, CYX, **({} if kind == "imagej" else {"photometric": "minisblack"}),
                     **options)  # fmt: skip
    return file.getvalue()


@pytest.mark.parametrize(
    "kind", ["plain", "strips", "lzw", "big", "pages", "ome", "imagej", "png", "jpg"]
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated_files_never_pass_for_whole(tmp_path, kind, share):
    """Wherever a file is cut, it is refused, or nothing of its pixels was lost."""
    data = encoded(kind)
    path = tmp_path / f"a.{kind if kind in ('png', 'jpg') else 'tif'}"
    path.write_bytes(data)
    whole = read_planes(path, "CYX")[0]
    path.write_bytes(data[: max(1, int(share * len(data)))])
    try:
        planes = read_pixels(path, "CYX")
    except ImageError as error:
        assert str(path) in str(error)
    else:
        np.testing.assert_array_equal(planes, whole)


@pytest.mark.parametrize("kind", ["strips", "pages", "ome", "png", "jpg"])
def test_truncation_is_named(tmp_path, kind):
    data = encoded(kind)
    path = tmp_path / f"a.{kind if kind in ('png', 'jpg') else 'tif'}"
    path.write_bytes(data[: int(0.6 * len(data))])
    with pytest.raises(ImageError, match=r"a\.\w+: .*truncated.* Copy it again"):
        read_planes(path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), kind=st.sampled_from(["strips", "ome", "png", "jpg"]))
def test_damaged_bytes_never_raise_anything_but_an_image_error(tmp_path, data, kind):
    content = bytearray(encoded(kind))
    for _ in range(4):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a"
    path.write_bytes(content)
    try:
        read_planes(path, "CYX")
    except ImageError as error:
        assert str(path) in str(error)


def test_real_16_bit_cells(shared_data):
    """The files say CYX themselves."""
    folder = shared_data / "bbbc021-cells16" / "images"
    for path in sorted(folder.iterdir())[:5]:
        planes, names = read_planes(path)
        assert planes.shape == (3, 68, 68)
        assert planes.dtype == np.uint16
        assert names is None
        np.testing.assert_array_equal(planes, tifffile.imread(path))


def test_real_png_fields(shared_data: Path):
    path = sorted((shared_data / "bbbc021-lab" / "images").iterdir())[0]
    planes, names = read_planes(path)
    assert names == ["red", "green", "blue"]
    np.testing.assert_array_equal(planes, imagecodecs.imread(path).transpose(2, 0, 1))


def test_images_have_a_common_size_only_where_a_sample_has_one(tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(100)]
    for path in paths:
        Image.fromarray(np.zeros((40, 50), np.uint8)).save(path)
    paths[0].write_bytes(b"damaged")
    assert common_size(paths) == (40, 50)
    Image.fromarray(np.zeros((67, 78), np.uint8)).save(paths[50])
    assert common_size(paths) is None
    assert common_size([]) is None
    assert common_size(paths[:1]) is None
