"""Methods of segmentation as data: names, options and needs, without the code that runs.

This imports neither NumPy nor any network, so that a configuration is checked in no time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from moascope.segmentation.engines.options.base import MethodOptions


@dataclass(frozen=True)
class SizeAdvice:
    """Keys to change where objects of a screen have an unlikely size, as words of a sentence."""

    larger: str
    """Keys that make objects larger when they are raised."""
    smaller: str
    """Keys that make objects smaller."""
    size: str = "diameter (or auto)"
    """Key with the size of objects."""


@dataclass(frozen=True)
class Method:
    """One method to segment images: what the configuration, the rules and the jobs need of it.

    Functions are named as `module:function`, so that the module is loaded by its jobs only.
    """

    name: str
    """Value of the key `method`."""
    options: type[MethodOptions]
    """Keys of an engine of this method."""
    load: str
    """Takes a `Job`, returns a `Loaded` engine, see `segmentation.implementations.base`."""
    environment: str
    """Conda environment, a file in `envs/`."""
    finding_keys: tuple[str, ...]
    """Keys that decide what objects are found, besides those that every method has."""
    advice: SizeAdvice
    """Advice where objects have an unlikely size."""
    library: Literal["keras", "tensorflow", "torch"] | None = None
    """Library that computes networks, on a GPU where there is one; None: not a network."""
    sees_gpu: str | None = None
    """Returns whether the library sees a GPU; None without a library."""
    packages: tuple[str, ...] = ()
    """Packages that the environment of the workflow may lack, as on PyPI."""
    measure: str | None = None
    """Takes a `Job`, returns the size of objects for JSON; None: `diameter: auto` is refused."""
    train: str | None = None
    """Takes a `Job`, an annotated set and a `Training`, writes a network and returns its training
    curve; None: not trained."""
    tune: str | None = None
    """Takes a `Job` and an annotated set, writes tuned parameters; None: none to tune."""
    is_ensemble: bool = False
    """Networks are trained one by one, and joined by `tune`; otherwise `train` writes the model."""
    learning_keys: tuple[str, ...] = ()
    """Keys that decide what a new network learns, besides `training` and `augmentation`."""
    keys_of_model: tuple[str, ...] = ()
    """Keys without effect where a model is given."""
    continues_training: bool = False
    """A given model with the key `training` is trained further."""
    model_file: str | None = None
    """End of the name of the file of a fitted engine, such as `keras`; None: never fitted."""
    check: str | None = None
    """Takes a `Job` with a given `model`, and raises an `InputError` if the model is none or does
    not fit the channels. It runs before images are read, in the environment `tensorflow`; None: a
    model is looked at first when it is used."""
    is_always_file: bool = False
    """A given model is a path, never the name of a published model."""
    problems: Callable[[Any], list[str]] | None = None
    """Returns sentences about the keys of an engine that do not go together."""
    memory_mb: int = 4000
    """Memory that a job takes at first."""
    usual_diameter: float | None = None
    """Diameter of objects in px where nothing else is known; None: none is expected."""
    most_channels: int | None = None
    """Largest number of channels; None: any."""

    def is_network(self) -> bool:
        """Return whether a network computes, which a GPU makes faster."""
        return self.library is not None

    def is_always_tuned(self) -> bool:
        """Return whether engines are tuned wherever there are annotated images."""
        return self.tune is not None and self.train is None

    def backend(self, keras_backend: str) -> str | None:
        """Return the library that computes, given that of Keras; None without a network."""
        return keras_backend if self.library == "keras" else self.library
