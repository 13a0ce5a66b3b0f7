"""Options of annotated images that belong to no screen."""

import pytest
from pydantic import ValidationError

from moascope.segmentation.data.options import Annotated


def test_paths_are_below_the_root():
    annotated = Annotated(root="/data", sheet="list.csv", images="images")
    assert (annotated.sheet, annotated.images) == ("/data/list.csv", "/data/images")


def test_images_are_named_once():
    with pytest.raises(ValidationError, match="image and channels both name the images"):
        Annotated(sheet="list.csv", image="{path}", channels={"DNA": "{dna}"})


def test_a_file_of_sets_leaves_no_column_of_sets():
    with pytest.raises(ValidationError, match="set_column has no effect"):
        Annotated(sheet="list.csv", set_file="sets.json", set_column="set")
