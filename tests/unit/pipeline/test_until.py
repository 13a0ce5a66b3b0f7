import pytest

from moascope.core.errors import InputError
from moascope.pipeline.until import check_until


def test_other_rules_may_be_named():
    check_until(["--cores", "2", "--until", "ingest", "split"], has_screen=True, has_networks=True)
    check_until([], has_screen=False, has_networks=False)


@pytest.mark.parametrize("option", ["--until", "-U"])
def test_the_training_of_folds_is_not_known_before_the_split(option):
    with pytest.raises(InputError, match="name collect_folds"):
        check_until([option, "train_fold"], has_screen=True, has_networks=True)


def test_without_a_screen_nothing_is_checked_before_the_run():
    with pytest.raises(InputError) as caught:
        check_until(["--until", "sites", "check_models"], has_screen=False, has_networks=False)
    assert "sites: there is no screen" in str(caught.value)
    assert "check_models: there is no screen" in str(caught.value)


def test_without_networks_there_are_none_to_check():
    with pytest.raises(InputError, match="name check_splits"):
        check_until(["--until", "check_models"], has_screen=True, has_networks=False)
    check_until(["--until", "check_models", "check_splits"], has_screen=True, has_networks=False)
