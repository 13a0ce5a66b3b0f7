"""Speed and remaining time of a training, for its log."""

from __future__ import annotations

import time

_SECONDS_BETWEEN_LINES = 60.0


class Progress:
    """Count of what a training has seen.

    Parameters
    ----------
    counted : str
        What a batch consists of, in the plural, such as "images".
    share : float
        Part of the training that is done already, 0 to 1.
    """

    def __init__(self, counted: str, share: float) -> None:
        self._counted = counted
        self._first_share = share
        self._began = self._last_line = time.monotonic()
        self.start_period()

    def start_period(self) -> None:
        """Begin to count the speed of an epoch, or of the steps until a validation."""
        self._period_began = self._last_batch = time.monotonic()
        self._n_items = 0

    def count(self, n_items: int) -> None:
        """Add the items of a batch that was just learned from."""
        self._n_items += n_items
        self._last_batch = time.monotonic()

    def is_due(self) -> bool:
        """Return whether a minute has passed since the last line; then the next minute begins."""
        if self._last_batch - self._last_line < _SECONDS_BETWEEN_LINES:
            return False
        self._last_line = self._last_batch
        return True

    def describe(self, share: float) -> str:
        """Return speed and remaining time in words.

        Parameters
        ----------
        share : float
            Part of the training that is done, 0 to 1.

        Returns
        -------
        str
            Such as "87 images/s, 4 min left".
        """
        seconds = self._last_batch - self._period_began
        speed = self._n_items / seconds if seconds > 0 else 0.0
        words = (
            f"{speed:.3g} {self._counted}/s" if speed < 100 else f"{speed:.0f} {self._counted}/s"
        )
        done = share - self._first_share
        if done <= 0:
            return words
        left = (time.monotonic() - self._began) * max(0.0, 1 - share) / done
        return f"{words}, {duration(left)} left"


def duration(seconds: float) -> str:
    """Return a duration in words, such as "40 s", "4 min" or "3.5 h".

    Parameters
    ----------
    seconds : float
        At least 0.

    Returns
    -------
    str
        With one unit.
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
