"""Documents of a BioImage.IO package of a U-Net: its description `rdf.yaml` and its `README.md`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moascope import __version__
from moascope.images.intensities import PERCENTILES
from moascope.segmentation.unet.targets import CLASSES
from moascope.segmentation.unet.tiling import was_averaged

if TYPE_CHECKING:
    from moascope.segmentation.unet.saving import NetworkDescription

TOLERANCE = 1e-3
"""How much maps may differ between programs."""

_FORMAT = "0.5.12"
_RIM = 32  # px at least at the border of a tile, where a network lacks context
_SIDES = ("y", "x")
_U_NET = {
    "text": "Ronneberger, Fischer and Brox 2015: U-Net, convolutional networks for biomedical "
    "image segmentation",
    "doi": "10.1007/978-3-319-24574-4_28",
}
_EFFICIENTNET = {
    "text": "Tan and Le 2019: EfficientNet, rethinking model scaling for convolutional neural "
    "networks",
    "doi": "10.48550/arXiv.1905.11946",
}


def halo(multiple: int) -> int:
    """Return the px that are cut off each tile: so many that pooling keeps its grid."""
    return max(_RIM, multiple)


def smallest_side(multiple: int) -> int:
    """Return the smallest side in px of which something is left without the halo."""
    return 2 * halo(multiple) + multiple


def output_channels(about: NetworkDescription) -> list[str]:
    """Return the names of the maps that a network gives."""
    kinds = {"classes": [*CLASSES], "distance": ["distance"], "both": [*CLASSES, "distance"]}
    return kinds[about["outputs"]]


def description(
    about: NetworkDescription,
    name: str,
    objects: str,
    weights: dict[str, Any],
    file: Callable[[str], dict[str, str]],
) -> dict[str, Any]:
    """Describe a network as BioImage.IO wants it.

    Parameters
    ----------
    about : NetworkDescription
        Of the network.
    name : str
        Of the engine.
    objects : str
        What the network finds.
    weights : dict
        The files of weights by format, with what each format asks for.
    file : callable
        Gives source and checksum of `README.md`, `input.npy` and `output.npy`.

    Returns
    -------
    dict
        The content of `rdf.yaml`.
    """
    is_pretrained = about["options"]["network"]["encoder"] != "none"
    return {
        "format_version": _FORMAT,
        "type": "model",
        "name": f"MoAscope {name} ({objects})",
        "description": f"U-Net that finds {objects} in microscopy images, trained with MoAscope "
        f"{__version__}",
        "authors": [{"name": "The MoAscope developers"}],
        "cite": [_U_NET, _EFFICIENTNET] if is_pretrained else [_U_NET],
        "tags": ["2d", "unet", "segmentation", "instance-segmentation", "high-content-screening"],
        "documentation": file("README.md"),
        "inputs": [{**_input(about), "test_tensor": file("input.npy")}],
        "outputs": [{**_output(about), "test_tensor": file("output.npy")}],
        "weights": weights,
        "config": {
            "bioimageio": {
                "architecture_type": "U-Net",
                "task": "segmentation",
                "target_structure": [objects],
                "reproducibility_tolerance": [{"absolute_tolerance": TOLERANCE}],
            },
            "moascope": {"version": __version__, "instances": about["instances"]},
        },
    }


def _input(about: NetworkDescription) -> dict[str, Any]:
    step = about["multiple"]
    low, high = PERCENTILES
    percentiles = {"axes": list(_SIDES), "min_percentile": low, "max_percentile": high}

    def side(_: str) -> dict[str, Any]:
        return {"size": {"min": smallest_side(step), "step": step}, "concatenable": True}

    return {
        "id": "raw",
        "description": "raw intensities",
        "axes": _axes(side, about["channels"]),
        "data": {"type": "float32"},
        "preprocessing": [
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
            {"id": "scale_range", "kwargs": percentiles},
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
        ],
    }


def _output(about: NetworkDescription) -> dict[str, Any]:
    def side(name: str) -> dict[str, Any]:
        return {"size": {"tensor_id": "raw", "axis_id": name}, "halo": halo(about["multiple"])}

    return {
        "id": "maps",
        "description": ", ".join(output_channels(about)),
        "axes": _axes(side, output_channels(about)),
        "data": {"type": "float32"},
    }


def _axes(side: Callable[[str], dict[str, Any]], channels: list[str]) -> list[dict[str, Any]]:
    sides = [{"id": name, "type": "space", **side(name)} for name in _SIDES]
    return [{"type": "batch"}, *sides, {"type": "channel", "channel_names": channels}]


def documentation(about: NetworkDescription, objects: str) -> str:
    """Write what a user of the package has to know, as Markdown.

    Parameters
    ----------
    about : NetworkDescription
        Of the network.
    objects : str
        What the network finds.

    Returns
    -------
    str
        With the parameters by which objects are cut out of the maps, and the validation scores.
    """
    low, high = PERCENTILES
    maps = output_channels(about)
    relief = [name for name in ("interior", "distance") if name in maps]
    scores, members = about.get("validation", {}), about.get("ensemble", 1)
    return _DOCUMENTATION.format(
        objects=objects,
        version=__version__,
        channels=", ".join(about["channels"]),
        multiple=about["multiple"],
        low=f"{low:g}",
        high=f"{high:g}",
        maps=", ".join(maps),
        members=f" (logits: the mean of {members} networks)" if members > 1 else "",
        halo=halo(about["multiple"]),
        foreground="1 - background" if "background" in maps else "distance",
        height=f"the mean of {' and '.join(relief)}" if len(relief) > 1 else relief[0],
        parameters="\n".join(f"| {key} | {value} |" for key, value in about["instances"].items()),
        views=_AVERAGED if was_averaged(about) else "one prediction per image",
        scores=", ".join(f"{key} {value:.3f}" for key, value in scores.items()) or "not known",
    )


_AVERAGED = (
    "the mean of eight flipped and turned predictions per image\n"
    "(`test_time_augmentation`), which this package does not make: "
    "from one prediction other parameters may do better"
)
_DOCUMENTATION = """\
# U-Net for {objects}, trained with MoAscope {version}
## Input
Images (batch, y, x, channel) of raw intensities, with the channels {channels}. Sides are multiples
of {multiple} px; mirror the image at its border where they are not.

Percentiles {low} and {high} of each image and channel become 0 and 1, without clipping. They are
those of the whole image, also where it is predicted in tiles. Where so few pixels are bright that
both are equal, MoAscope takes the brightest pixel for the upper one; other programs do not.

## Output
Maps of the same size: {maps}{members}.
Classes are probabilities. The distance is that to the border of the object, relative to its
centre. The outermost {halo} px of a tile lack context most; let tiles overlap by 300 px where
memory allows.

## Objects
Label images are cut out of the maps as follows, with the parameters below (in px, or in units of
the maps).

1. The foreground is {foreground}; pixels above `mask_threshold` can belong to objects.
2. The height is {height}, smoothed by a Gaussian with the standard deviation `smoothing`.
3. Seeds are local maxima of the height in the foreground, above `seed_threshold`, that stand
   `prominence` or more above the pass to a higher one.
4. A watershed floods the foreground from the seeds, from high to low.
5. `fill_holes` gives an object the background that it encloses. Objects of fewer than `min_area`
   pixels are removed, with `clear_border` those at the border of the image as well.

| parameter | value |
|---|---|
{parameters}

With MoAscope at hand these steps are `label_objects(as_maps(output), InstanceParameters(...))` of
`moascope.segmentation.instances`, for one image (y, x, channel) of the output.

## Validation
On validation images, average precision TP / (TP + FP + FN), pooled over objects: {scores} (`ap_50`
at IoU 0.5, `mean_ap` over IoU 0.50 to 0.90), from {views}. The
parameters were tuned on these images, so measure on images of your own, with reference masks,
before you rely on it.

## Sharing
The test input is an annotated image: share the package only where that image may be shared. Put the
names of those who made the images and the model, and the licence that they give, into `rdf.yaml`
first.
"""
