"""Reading of annotated sets."""

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from annotated_images import SIZES, labels_of, pack

from moascope.core.errors import InputError
from moascope.images.intensities import percentiles
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.sheet import read_annotations


def test_what_is_packed_is_read_back(folder, options):
    rows = read_annotations(folder / "sheet.csv", options).assign(well="B02")
    table = pack(folder, rows)
    assert table["n_objects"].tolist() == [2] * 4
    assert table[["height", "width"]].to_numpy().tolist() == [list(s) for s in SIZES.values()]
    assert table["well"].unique().tolist() == ["B02"]
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        pd.testing.assert_frame_equal(annotated.table, table)
        assert annotated.channels == ["DNA"]
        assert len(annotated) == 4
        assert annotated.rows("train").tolist() == [0, 1]
        for i, name in enumerate(SIZES):
            image = imagecodecs.png_decode((folder / "images" / f"{name}.png").read_bytes())
            np.testing.assert_array_equal(annotated.image(i), image[None])
            assert annotated.image(i).dtype == np.uint16
            raw = labels_of(SIZES[name])
            np.testing.assert_array_equal(
                annotated.labels(i), np.select([raw == 7, raw == 40], [1, 2])
            )


def test_images_are_scaled_by_their_percentiles(folder, options):
    pack(folder, read_annotations(folder / "sheet.csv", options))
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        image, found = annotated.image(1)[0].astype(float), annotated.normalized(1)
        low, high = percentiles(annotated.image(1))
        assert found.shape == (40, 25, 1)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[..., 0], (image - low) / (high - low), atol=1e-5)
        part, labels = annotated.window(1, slice(5, 17), slice(0, 9))
        np.testing.assert_array_equal(part, found[5:17, :9])
        np.testing.assert_array_equal(labels, annotated.labels(1)[5:17, :9])


def test_a_missing_or_damaged_set_is_explained(folder, options):
    table = folder / "set.parquet"
    with pytest.raises(InputError, match=r"set\.parquet: there is no such file"):
        AnnotatedSet(folder / "set.h5", table)
    pack(folder, read_annotations(folder / "sheet.csv", options))
    whole = (folder / "set.h5").read_bytes()
    (folder / "set.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"set\.h5: is damaged, or was not written by MoAscope"):
        AnnotatedSet(folder / "set.h5", table)
    (folder / "set.h5").unlink()
    with pytest.raises(InputError, match=r"set\.h5: there is no such file"):
        AnnotatedSet(folder / "set.h5", table)


def test_a_table_of_another_set_is_refused(folder, options):
    table = pack(folder, read_annotations(folder / "sheet.csv", options))
    table.iloc[:2].to_parquet(folder / "set.parquet")
    with pytest.raises(InputError, match=r"holds 4 images, but .* lists 2"):
        AnnotatedSet(folder / "set.h5", folder / "set.parquet")
