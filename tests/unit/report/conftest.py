"""Fixtures of the tests of the report: a made-up run and its page."""

import fake_run
import pytest
from report_pages import Outline, changed

from moascope.report import page as report


@pytest.fixture(scope="session")
def context(tmp_path_factory):
    return fake_run.context(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def page(context):
    return report.build(context)


@pytest.fixture(scope="session")
def brief(context):
    """A run without models, whose report is drawn quickly."""
    short = changed(context, models={}, augmentation=None)
    short.config["report"] |= {"max_examples": 1, "max_plates": 1}
    return short


@pytest.fixture(scope="session")
def outline(page):
    return Outline(page)
