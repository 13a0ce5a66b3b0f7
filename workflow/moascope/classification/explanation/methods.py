"""List of the methods that explain networks. Free of Keras.

A new method is a line in `METHODS`, and a module with the function that it names.
"""

from __future__ import annotations

from dataclasses import dataclass

from moascope.core.registry import find_named


@dataclass(frozen=True)
class Method:
    """A method that explains a network.

    Parameters
    ----------
    name : str
        As in `explain.methods` of the configuration.
    title : str
        A noun phrase for the report.
    function : str
        Module and function. Of a map: takes a `Subject`, units `(n, H, W, C)`, the number of the
        class to explain `(n,)` and the options, and returns `(n, H, W)`, not negative. Of scores:
        takes a `Subject`, units, the number of their true class and the options, and returns rows
        with the columns `scores.COLUMNS`.
    makes_maps : bool
        Whether it draws maps of units; otherwise it counts correct predictions.
    needs_gradients : bool
        Whether it needs TensorFlow, and a head that can be differentiated.
    needs_linear_head : bool
        Whether it needs mean pooling and a linear head.
    is_default : bool
        Whether it runs where the configuration names none.
    """

    name: str
    title: str
    function: str
    makes_maps: bool = True
    needs_gradients: bool = False
    needs_linear_head: bool = False
    is_default: bool = True


_HERE = "moascope.classification.explanation"

METHODS: tuple[Method, ...] = (
    Method(
        "class-activation",
        "class activation map",
        f"{_HERE}.class_activation:draw_class_activation",
        needs_gradients=True,
        needs_linear_head=True,
    ),
    Method(
        "grad-cam",
        "Grad-CAM",
        f"{_HERE}.class_activation:draw_grad_cam",
        needs_gradients=True,
    ),
    Method("occlusion", "occlusion", f"{_HERE}.occlusion:draw_occlusion"),
    Method(
        "channel-ablation",
        "channel ablation",
        f"{_HERE}.channel_ablation:ablate_channels",
        makes_maps=False,
    ),
    Method(
        "robustness",
        "robustness",
        f"{_HERE}.robustness:sweep_strengths",
        makes_maps=False,
    ),
    Method(
        "one-pixel",
        "one-pixel attack",
        f"{_HERE}.one_pixel:attack_units",
        makes_maps=False,
        is_default=False,
    ),
)


def get(name: str) -> Method:
    """Return the method with a name.

    Raises
    ------
    InputError
        If there is none.
    """
    return find_named(name, METHODS, key="explain.methods", kind="method")
