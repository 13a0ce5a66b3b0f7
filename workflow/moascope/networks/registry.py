"""The names of the model zoo. Free of TensorFlow, so that a config is checked without it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from moascope.core.errors import InputError

EFFICIENTNET_LITE0 = "efficientnet-lite0"
LENET = "lenet"

APPLICATIONS = (
    *("ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge"),
    *("DenseNet121", "DenseNet169", "DenseNet201"),
    *("EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3"),
    *("EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7"),
    *("EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3"),
    *("EfficientNetV2L", "EfficientNetV2M", "EfficientNetV2S"),
    *("InceptionResNetV2", "InceptionV3"),
    *("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"),
    *("NASNetLarge", "NASNetMobile"),
    *("ResNet101", "ResNet101V2", "ResNet152", "ResNet152V2", "ResNet50", "ResNet50V2"),
    *("VGG16", "VGG19", "Xception"),
)
"""The models of `keras.applications` in Keras 3.15; a test compares the two."""

BACKBONES = (EFFICIENTNET_LITE0, LENET, *APPLICATIONS)

CHANNEL_MAPPINGS = ("triple", "inflate", "per-channel")


def canonical_name(name: str) -> str:
    """Find a backbone's canonical name; case, hyphens and underscores do not matter.

    Parameters
    ----------
    name : str
        For example `resnet50` or `EfficientNet-Lite0`.

    Returns
    -------
    str
        One of `BACKBONES`.

    Raises
    ------
    InputError
        If there is none; the message names the nearest ones.
    """
    by_key = {_key(known): known for known in BACKBONES}
    if _key(name) in by_key:
        return by_key[_key(name)]
    near = [by_key[key] for key in difflib.get_close_matches(_key(name), by_key, n=3, cutoff=0.5)]
    raise InputError(
        f"backbone: there is no {name!r}. {nearest(near)}"
        f"Known are {EFFICIENTNET_LITE0}, {LENET} and every model of keras.applications."
    )


def nearest(names: Iterable[str]) -> str:
    """Write a hint such as "Did you mean a or b? ", empty where there are no names.

    Parameters
    ----------
    names : iterable of str
        What the user may have meant, best first.

    Returns
    -------
    str
        The hint, with a space at its end.
    """
    names = list(names)
    return f"Did you mean {' or '.join(names)}? " if names else ""


def _key(name: str) -> str:
    return str(name).lower().replace("-", "").replace("_", "").replace(" ", "")
