"""Settings of Keras that results depend on, and that a file of the user could change."""

from __future__ import annotations

from typing import Any

FLOAT_TYPE = "float32"
EPSILON = 1e-7
IMAGE_DATA_FORMAT = "channels_last"


def pin(settings: Any) -> None:
    """Set float type, epsilon and image data format.

    Parameters
    ----------
    settings : module
        `keras.config`, or the module `backend` of Keras 2.
    """
    settings.set_floatx(FLOAT_TYPE)
    settings.set_epsilon(EPSILON)
    settings.set_image_data_format(IMAGE_DATA_FORMAT)
