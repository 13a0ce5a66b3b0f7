"""Cellpose as an engine."""

import importlib.util
import os
from typing import ClassVar

import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.segmentation.implementations import cellpose as cellpose_engine
from moascope.segmentation.implementations.base import Job
from moascope.segmentation.implementations.cellpose import cellpose
from moascope.segmentation.options import Engine

HAS_CELLPOSE = importlib.util.find_spec("cellpose") is not None


@pytest.mark.skipif(HAS_CELLPOSE, reason="Cellpose is installed here")
def test_cellpose_that_is_not_installed_is_explained():
    with pytest.raises(InputError, match=r"engine cellpose: .*--sdm conda.*pip install cellpose"):
        cellpose()


class NotReachable:
    """What stands for Cellpose where no network is."""

    MODEL_NAMES: ClassVar = ["cpsam"]
    MODEL_DIR = "/home/me/.cellpose/models"

    @staticmethod
    def CellposeModel(**options):  # noqa: N802
        raise OSError("no route to host")


def test_weights_that_cannot_be_downloaded_are_explained(monkeypatch):
    monkeypatch.setattr(cellpose_engine, "imported", lambda *names: NotReachable)
    message = (
        r"the weights cpsam cannot be downloaded \(no route to host\)\. Download them elsewhere "
        r"from huggingface\.co/mouseland/cellpose-sam, and put them into "
        r"/home/me/\.cellpose/models or give their path"
    )
    with pytest.raises(InputError, match=message):
        cellpose()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"diameter": None}),
        (
            {"flow_threshold": 0.2, "cellprob_threshold": -1.0, "diameter": 50},
            {"flow_threshold": 0.2, "cellprob_threshold": -1.0, "diameter": 50.0},
        ),
    ],
)
def test_the_users_thresholds_reach_cellpose(monkeypatch, options, expected):
    """Without Cellpose, which is not installed everywhere."""
    seen = {}

    class Network:
        def __init__(self, **keys):
            pass

        def eval(self, image, channel_axis, normalize, **keys):
            seen.update(keys)
            return (np.zeros(image.shape[:2], np.int32),)

    class Models:
        MODEL_NAMES = ("cpsam",)
        CellposeModel = Network

    monkeypatch.setattr(cellpose_engine, "imported", lambda *names: Models)
    engine = Engine(method="cellpose", **options)
    loaded = cellpose_engine.load(Job({}, {}, ["DNA"], engine.finding_options()))
    loaded.engine(np.ones((1, 8, 8), np.uint16))
    assert seen == expected


needs_cellpose = pytest.mark.skipif(not HAS_CELLPOSE, reason="Cellpose is not installed here")


@needs_cellpose
def test_cellpose_models_that_are_not_there_are_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="'cyto9' is neither a file nor a published model"):
        cellpose("cyto9")
    (tmp_path / "weights").write_bytes(os.urandom(100))
    with pytest.raises(InputError, match="cannot be read as weights of Cellpose 4"):
        cellpose(tmp_path / "weights")


@needs_cellpose
def test_cellpose_runs_with_weights_from_a_file(tmp_path, nuclei):
    """With random weights, as the real ones cannot be fetched everywhere: 1.2 GB, half a minute."""
    import torch
    from cellpose.vit_sam import Transformer

    torch.manual_seed(0)
    torch.save(Transformer().state_dict(), tmp_path / "weights")
    image, _ = nuclei
    engine = cellpose(tmp_path / "weights", [0, 0])
    found = engine(np.concatenate([image, image]))
    assert found.shape == image.shape[1:]
    assert found.dtype == np.int32
