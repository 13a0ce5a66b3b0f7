"""Images and plates of bright squares, engines that find them, and what is made of it."""

import numpy as np
import pandas as pd
import tifffile
from report_contexts import context_of

from moascope.images.ingest import ingest_plate
from moascope.profiling import measure_plate
from moascope.report import checks as findings
from moascope.segmentation import predict as segmenting
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask
from moascope.segmentation.implementations.base import OneStep
from moascope.segmentation.scores import score


def squares(n, size=64, shift=0):
    """Label n squares of 8 px in a row."""
    labels = np.zeros((size, size), np.int32)
    for k in range(n):
        labels[8:16, 4 + 12 * k + shift : 12 + 12 * k + shift] = k + 1
    return labels


def picture(labels, value=1000):
    """Draw objects brighter than the background, uint16 (1, Y, X)."""
    return ((labels > 0) * value + 100).astype(np.uint16)[None]


def truth_engine(image):
    """Find what is bright, which is what is known."""
    from scipy import ndimage

    return ndimage.label(image[0] > 500)[0].astype(np.int32)


def nothing_engine(image):
    """Find nothing."""
    return np.zeros(image.shape[1:], np.int32)


def pack(folder, numbers):
    """Pack images with so many squares: to train, to validate, and all others to test."""
    labels = [squares(n) for n in numbers]
    rows = pd.DataFrame(
        {
            "name": [f"i{k}" for k in range(len(numbers))],
            "set": ["train", "validation", *["test"] * (len(numbers) - 2)],
            "group": [f"g{k}" for k in range(len(numbers))],
            "image": range(len(numbers)),
            "mask": range(len(numbers)),
        }
    )
    files = folder / "set.h5", folder / "set.parquet"
    write(
        rows,
        ["DNA"],
        *files,
        read_image=lambda k: picture(labels[k]),
        read_labels=lambda k: Mask(labels[k], ()),
    )
    return files


def segmented(packed, engine, folder):
    """Segment the test images of a set; return the scores, pooled and by image."""
    out = folder / "labels.h5", folder / "times.parquet"
    segmenting.segment_test(OneStep(engine), *packed, *out)
    return score(*packed, *out)


def ingest_squares(folder):
    """Ingest a plate of four sites with 0 to 3 squares; return its store and its sites."""
    rows = []
    for k in range(4):
        labels = squares(k)
        row = {"site_id": f"P1/A0{k + 1}/1", "plate": "P1", "well": f"A0{k + 1}"}
        for channel, value in (("DNA", 1000), ("Actin", 3000)):
            path = folder / f"{k}_{channel}.tif"
            tifffile.imwrite(path, picture(labels, value)[0])
            row |= {f"path:{channel}": str(path), f"index:{channel}": -1}
        rows.append(row)
    sites = pd.DataFrame(rows)
    store = folder / "P1.ozx"
    ingest_plate(sites, ["DNA", "Actin"], store, pixel_size_um=0.5)
    positions = {"site": "1", "row": 0, "col": range(4)}
    return store, sites[["site_id", "plate", "well"]].assign(**positions)


def segment_plate(plate, folder, engine=truth_engine, channels=("DNA",), *, clear_border=False):
    """Segment and measure a plate; return the paths of labels and measurements."""
    labels, cells = folder / "labels.ozx", folder / "cells.parquet"
    options = {"channels": channels, "objects": "Nuclei", "clear_border": clear_border}
    segmenting.segment_plate(OneStep(engine), plate[0], None, labels, **options)
    measure_plate.measure_plate(plate[0], labels, quality_of(plate), cells, objects="Nuclei")
    return labels, cells


def quality_of(plate, flagged=()):
    """Return the quality table of a plate with some flagged sites."""
    sites = plate[1]["site_id"]
    return pd.DataFrame({"site_id": sites, "flagged": sites.isin(flagged), "foreground:DNA": 0.1})


def said_of(segmentation, config=None):
    """Return the checks of a report on a segmentation, by title."""
    context = context_of(config, segmentation=segmentation, has_screen=False)
    return {check["title"]: check for check in findings.collect_checks(context)}
