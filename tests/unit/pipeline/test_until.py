import re

import pytest

from moascope.core.errors import InputError
from moascope.pipeline.until import check_until, files_of_jobs

TARGETS = {"ingest": ["P1.ozx"], "segment_plate": []}


def check(*arguments, has_screen=True, has_networks=True):
    check_until(arguments, has_screen=has_screen, has_networks=has_networks, targets=TARGETS)


class Output:
    """An output file as Snakemake has it: a pattern whose wildcard takes two names."""

    def apply_wildcards(self, job):
        return f"models/{job['model']}.json"

    def match(self, file):
        return re.fullmatch(r"models/(one|two)\.json", file)


def test_other_rules_may_be_named():
    check("--cores", "2", "--until", "all_ingest", "collect_units")
    check(has_screen=False, has_networks=False)


@pytest.mark.parametrize("option", ["--until", "-U"])
def test_rules_with_several_jobs_have_a_target(option):
    with pytest.raises(InputError, match=r"ingest: .* use all_ingest"):
        check(option, "sites", "ingest")


def test_a_rule_without_jobs_is_refused():
    with pytest.raises(InputError, match="segment_plate: this configuration has no such jobs"):
        check("--until", "segment_plate")


def test_a_target_has_one_file_for_each_job_that_its_rule_takes():
    jobs = [{"model": name} for name in ("one", "two", "other")]
    assert files_of_jobs(Output(), jobs) == ["models/one.json", "models/two.json"]


def test_without_a_screen_nothing_is_checked_before_the_run():
    with pytest.raises(InputError) as caught:
        check("--until", "sites", "check_models", has_screen=False)
    assert "sites: there is no screen" in str(caught.value)
    assert "check_models: there is no screen" in str(caught.value)


def test_without_networks_there_are_none_to_check():
    with pytest.raises(InputError, match="name check_splits"):
        check("--until", "check_models", has_networks=False)
    check("--until", "check_models", "check_splits", has_networks=False)
