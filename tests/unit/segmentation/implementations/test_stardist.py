"""StarDist as an engine: given, or fitted_stardist to annotated images."""

import imagecodecs
import numpy as np
from small_stardist import needs_stardist

from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.matching import scores, tally


@needs_stardist
def test_a_stardist_model_is_run_by_path(shared_data):
    root = shared_data / "dsb2018"
    name = "1a75e9f15481d11084fe66bc2a5afac6dc5bec20ed56a7351a6d65ef0fe8762b"
    image, labels = (
        imagecodecs.png_decode((root / kind / f"{name}.png").read_bytes())
        for kind in ("images", "masks")
    )
    segment = stardist(shared_data / "stardist-dsb2018")
    found = segment(image[np.newaxis])
    assert found.dtype == np.int32
    assert scores(tally(labels, found))["ap"]["0.5"] > 0.55
    assert segment(np.zeros((1, 64, 64), np.uint16)).max() == 0
    sure = stardist(shared_data / "stardist-dsb2018", prob_threshold=0.95)
    assert sure(image[np.newaxis]).max() < found.max()
    noise = np.random.default_rng(0).normal(300, 20, (1, 256, 256)).astype(np.uint16)
    assert segment(noise).max() <= 2
    segment.hold_to([10 * image[np.newaxis].astype(np.uint16)])
    assert segment(noise).max() == 0
