"""Thresholds of StarDist, chosen on validation images."""

from annotated_discs import write_discs

from moascope.segmentation.stardist.thresholds import tallies, tune_thresholds


def test_images_are_compared_with_their_own_masks(tmp_path):
    with write_discs(tmp_path) as annotated:
        pairs = [annotated.pair(row) for row in annotated.rows("train")[:2]]
    truth = {image.tobytes(): labels for image, labels in pairs}
    found = tallies(lambda image: truth[image.tobytes()], pairs)
    assert [one.n_objects for one in found] == [labels.max() for _, labels in pairs]
    assert all((one.matched == one.n_objects).all() for one in found)


def test_without_validation_images_nothing_is_tuned(tmp_path):
    with write_discs(tmp_path) as annotated:
        annotated.table["set"] = "train"
        tune_thresholds(None, annotated, annotated.pair)
