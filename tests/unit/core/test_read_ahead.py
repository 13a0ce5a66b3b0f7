import itertools
import threading

import pytest

from moascope.core.read_ahead import map_ahead


def test_results_come_in_order():
    assert list(map_ahead(lambda n: n * n, range(50), ahead=5, threads=3)) == [
        n * n for n in range(50)
    ]


def test_no_item_gives_no_result():
    assert list(map_ahead(str, [])) == []


def test_work_runs_ahead_of_the_result_in_use():
    begun = threading.Semaphore(0)

    def begin(number):
        begun.release()
        return number

    results = map_ahead(begin, itertools.count(), ahead=3)
    assert next(results) == 0
    for _ in range(4):  # the first, two that wait and the one drawn for the first
        assert begun.acquire(timeout=10)
    results.close()


def test_an_error_is_raised_in_its_turn():
    results = map_ahead(lambda n: 1 // (2 - n), range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_cancels_what_has_not_begun():
    seen, gate = [], threading.Event()

    def wait(number):
        seen.append(number)
        gate.wait(10)
        return number

    results = map_ahead(wait, itertools.count(), ahead=8)
    gate.set()
    next(results)
    gate.clear()
    timer = threading.Timer(0.2, gate.set)
    timer.start()
    results.close()
    assert len(seen) < 9
