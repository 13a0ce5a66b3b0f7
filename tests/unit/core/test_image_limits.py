"""Limits of the sizes that image files declare."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from moascope.core.errors import DamagedImageError
from moascope.core.image_limits import check_claim, jpeg_size

PATH = Path("a.tif")


def test_usual_sizes_pass():
    check_claim(8 * 10**8, 8 * 10**8, PATH, "")
    check_claim(2 * 10**9, 2 * 10**9, PATH, "")
    check_claim(2**28, 1, PATH, "")  # small enough for any file


def test_more_than_the_limit_is_refused_with_the_limit_that_would_do():
    with pytest.raises(DamagedImageError) as caught:
        check_claim(2_310_000_001, 2_310_000_001, PATH, "Copy it again.")
    assert "declares 2,310,000,001 bytes of pixels in a file of 2,310,000,001" in str(caught.value)
    assert str(caught.value).endswith("Copy it again. If the size is right, set "
                                      "max_image_gigabytes: 2.4.")  # fmt: skip
    check_claim(2_310_000_001, 2_310_000_001, PATH, "", max_gigabytes=2.4)


def test_pixels_that_a_file_cannot_hold_are_refused_without_a_larger_limit():
    with pytest.raises(DamagedImageError) as caught:
        check_claim(10**9, 49_999, PATH, "Copy it again.")
    assert "max_image_gigabytes" not in str(caught.value)
    check_claim(10**9, 50_000, PATH, "")  # 20,000 times as many bytes


@pytest.mark.parametrize("shape", [(7, 300), (20, 30, 3)])
def test_the_size_of_a_jpeg_is_that_of_its_pixels(shape):
    data = imagecodecs.jpeg_encode(np.zeros(shape, np.uint8))
    assert jpeg_size(data) == shape[:2]


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8" + b"\0" * 20, b"no JPEG at all"])
def test_a_size_that_is_not_there_is_0(data):
    assert jpeg_size(data) == (0, 0)
