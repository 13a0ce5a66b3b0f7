"""Work done in threads, ahead of the item in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int = 2, threads: int = 1
) -> Generator[Result, None, None]:
    """Yield the results of a function in order, computed in threads ahead of the one in use.

    Parameters
    ----------
    function : callable
        Takes an item.
    items : iterable
        May be endless; `ahead` items are drawn before the first result.
    ahead : int
        Largest number of results that wait.
    threads : int
        Calls at the same time.

    Yields
    ------
    object
        What the function returns. Its errors are raised when their turn comes. Closing the
        generator cancels calls that have not begun.
    """
    rest = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            waiting.extend(pool.submit(function, item) for item in islice(rest, ahead))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
