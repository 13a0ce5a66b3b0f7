"""Digests of whole files and arrays."""

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moascope.core import digests
from moascope.core.digests import array_digest, file_digest


def test_the_digest_of_a_file_is_that_of_the_checksums_of_its_blocks(tmp_path):
    content = np.random.default_rng(0).bytes((1 << 20) + 1000)
    (tmp_path / "a").write_bytes(content)
    blocks = content[: 1 << 20], content[1 << 20 :]
    sums = b"".join(zlib.crc32(block).to_bytes(4, "little") for block in blocks)
    expected = hashlib.sha256(sums + str(len(content)).encode()).hexdigest()
    assert file_digest(tmp_path / "a") == expected


@given(st.binary(min_size=1, max_size=300), st.data())
def test_every_changed_byte_changes_the_digest_of_a_file(tmp_path_factory, content, data):
    file = tmp_path_factory.mktemp("file") / "a"
    file.write_bytes(content)
    before = file_digest(file)
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(changed)
    assert file_digest(file) != before
    file.write_bytes(content)
    assert file_digest(file) == before


@pytest.mark.parametrize("block", [1, 1 << 10, 1 << 20])
def test_an_array_has_one_digest_wherever_it_is(tmp_path, monkeypatch, block):
    monkeypatch.setattr(digests, "_BLOCK", block)
    array = np.random.default_rng(0).random((7, 8, 9, 2)).astype("float16")
    np.save(tmp_path / "a.npy", array)
    expected = array_digest(array)
    assert array_digest(np.load(tmp_path / "a.npy", mmap_mode="r")) == expected
    assert array_digest(np.asfortranarray(array)) == expected
    assert array_digest(np.concatenate([array, array])[7:]) == expected


def test_type_shape_and_order_are_part_of_the_digest_of_an_array():
    array = np.arange(24, dtype="float32").reshape(4, 6)
    others = [array.view("int32"), array.reshape(6, 4), array[::-1], array[:3], array[:0]]
    assert len({array_digest(each) for each in [array, *others]}) == 6
