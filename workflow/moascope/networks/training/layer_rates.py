"""Optimizer whose learning rate differs from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moascope.networks.keras_defaults import keras


class LayerRates(keras.optimizers.MultiOptimizer):
    """Several optimizers with fixed ratios of their learning rates.

    Parameters
    ----------
    build : callable
        Builds an optimizer.
    factors : mapping
        By path of a variable: factor of its learning rate; others have the factor 1.
    learning_rate : float
        For the factor 1.
    """

    def __init__(
        self,
        build: Callable[[], keras.optimizers.Optimizer],
        factors: Mapping[str, float],
        learning_rate: float,
    ) -> None:
        by_factor = {factor: build() for factor in sorted({1.0, *factors.values()})}
        super().__init__(lambda variable: by_factor[factors.get(variable.path, 1.0)])
        self._rated = tuple(by_factor.items())
        self.learning_rate = learning_rate

    @property
    def learning_rate(self) -> float:
        """Learning rate for the factor 1."""
        factor, optimizer = self._rated[-1]
        return float(optimizer.learning_rate) / factor

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        """Set the learning rate of all optimizers."""
        for factor, optimizer in self._rated:
            optimizer.learning_rate = value * factor
