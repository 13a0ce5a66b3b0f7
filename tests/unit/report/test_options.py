"""Options of the report."""

import pytest
from pydantic import ValidationError

from moascope.core.options import restore
from moascope.report.options import Report, ReportedRun


def test_without_a_title_the_name_of_the_run_stands_there():
    assert Report().title is None
    assert Report(title="Screen 7").title == "Screen 7"


@pytest.mark.parametrize(
    ("key", "least", "most"), [("max_examples", 1, 50), ("max_plates", 1, 400)]
)
def test_pictures_are_limited(key, least, most):
    for value in (least, most):
        assert getattr(Report(**{key: value}), key) == value
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError, match=key):
            Report(**{key: value})


def test_options_survive_the_parameters_of_a_rule():
    given = Report(title="x", max_plates=3)
    assert restore(Report, given.model_dump(mode="json")) == given


def test_a_reported_run_leaves_other_sections_out():
    run = restore(ReportedRun, {"run": "demo", "seed": 3, "compute": {"gpu": "never"}})
    assert (run.run, run.seed, run.input) == ("demo", 3, None)
    assert not hasattr(run, "compute")
