"""Parts of every type of head: its options, its fit function and its fitted form.

Free of NumPy, as the types are read with the configuration: their fit functions import what they
need when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import Field

from moascope.core.options import Section

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.floating[Any]]
    Matrix = npt.NDArray[np.float64]
    Labels = npt.NDArray[np.str_]

LEARNING, NETWORKS = "learning", "tensorflow"
"""Conda environments of the rules that fit heads: of scikit-learn, and of TensorFlow."""


class HeadOptions(Section):
    """Options of one type of head; each type has a class with its own keys."""

    type: str


class CalibratedOptions(HeadOptions):
    """Options of all heads whose probabilities are calibrated after the fit."""

    balanced: bool = Field(True, description="give every class the same weight")
    calibrate: Literal["auto"] | bool = Field(
        "auto",
        description="temperature scaling of the logits. auto: fitted in an inner cross-validation "
        "over groups of the training units, if at least two classes have two groups. true: fitted "
        "to the validation units (`splits.{name}.validation`, or those of a fixed list). false: "
        "none",
    )


@dataclass(frozen=True)
class LayerPlan:
    """Keras layers of a fitted head, as data, since heads are fitted where there is no Keras.

    Parameters
    ----------
    layer : str
        Class of the first layer, in `moascope.networks.layers` or `keras.layers`.
    weights : (m, n_classes) float
        Weights of the dense layer behind it, which ends in a softmax.
    options : mapping
        Arguments of the first layer.
    arrays : tuple of array
        Weights of the first layer, as its `set_weights` takes them; empty: it has none to set.
    """

    layer: str
    weights: Matrix
    options: Mapping[str, Any] = field(default_factory=dict)
    arrays: tuple[Any, ...] = ()


class FittedHead(Protocol):
    """A fitted head: a dataclass of arrays that ends in weights, bias and softmax."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes that it knows, sorted."""

    @property
    def weights(self) -> Matrix:
        """Return the weights of the last layer, (d, n_classes)."""

    @property
    def bias(self) -> Matrix:
        """Return the bias of the last layer, (n_classes,)."""

    def logits(self, features: FloatArray) -> Matrix:
        """Return log-odds up to a constant per row, (n, n_classes), of features (n, d)."""

    def plan_layers(self) -> LayerPlan:
        """Return the layers that compute the same in a saved model."""


Fit = Callable[["Matrix", "Labels", Any, int], FittedHead]
"""Fits features (n, d) and labels (n,) with the options of the type and a seed."""


@dataclass(frozen=True)
class HeadType:
    """A type of head, as named in `head.type` of the configuration.

    Parameters
    ----------
    name : str
        Its name.
    description : str
        A noun phrase for the documentation of `head.type`.
    options : type
        Its options; the default of `type` is `name`.
    fit : callable or None
        Fits it to features; None for a network, see `moascope.classification.training`.
    is_linear : bool
        Whether it is fitted fast enough to be fitted to every permutation of a null.
    has_gradients : bool
        Whether its scores can be differentiated by its features.
    may_be_candidate : bool
        Whether `candidates` of a model may choose it.
    environment : str
        Conda environment that it is fitted in: `LEARNING` (rule fit_head) or `NETWORKS` (rule
        fit_keras_head).
    """

    name: str
    description: str
    options: type[HeadOptions]
    fit: Fit | None
    is_linear: bool = False
    has_gradients: bool = True
    may_be_candidate: bool = True
    environment: str = LEARNING

    @property
    def is_network(self) -> bool:
        """Return whether it is a network, which is trained instead of fitted and calibrated."""
        return self.environment == NETWORKS
