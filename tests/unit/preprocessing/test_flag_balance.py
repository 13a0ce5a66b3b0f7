"""Balance of what is left out over the classes."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from moascope.preprocessing import flag_balance


def screen(lost, wells=8, sites=1):
    """Sites of classes with as many lost ones as given; wells of one class each."""
    rows = []
    for index, (name, n) in enumerate(lost.items()):
        for k in range(wells * sites):
            well = f"W{index}_{k // sites}"
            rows.append((f"{well}/{k % sites}", "P1", well, name, "treated", k < n))
    return pd.DataFrame(rows, columns=["site_id", "plate", "well", "moa", "role", "lost"])


def balance(table, seed=0):
    permuted, groups = flag_balance.groups(table, table["moa"])
    found = flag_balance.balance_test(table["lost"], table["moa"], groups, seed)
    return {"permuted": permuted, **found}


def test_of_two_classes_p_is_that_of_fishers_test():
    found = balance(screen({"A": 6, "B": 1}, wells=10))
    expected = stats.fisher_exact([[6, 4], [1, 9]]).pvalue
    assert found["p"] == pytest.approx(expected, abs=0.02)
    assert found["classes"]["A"] == {"n": 10, "lost": 6, "p": found["p"]}


def test_all_flags_in_one_class_are_uneven():
    found = balance(screen({"A": 20, "B": 0, "C": 0}, wells=30))
    assert list(flag_balance.uneven_classes(found)) == ["A"]
    text = flag_balance.describe("Flagged sites", found)
    assert text == (
        "Flagged sites are uneven over the classes: “A” 20 of 30 (the others 0 of 60, p = 0.0005); "
        "permutation test of classes among wells."
    )


def test_a_class_that_is_spared_is_named():
    found = balance(screen({"A": 0, **dict.fromkeys("BCDE", 14)}, wells=40))
    assert list(flag_balance.uneven_classes(found)) == ["A"]


def test_flags_by_chance_are_even():
    rng = np.random.default_rng(1)
    p = []
    for seed in range(20):
        table = screen(dict.fromkeys("ABCD", 0), wells=15)
        table["lost"] = rng.random(len(table)) < 0.1
        p.append(balance(table, seed)["p"])
    assert np.mean(np.array(p) < 0.05) <= 0.15
    assert np.mean(p) == pytest.approx(0.55, abs=0.2)
    assert flag_balance.describe("Flagged sites", balance(table)) == ""


def test_the_sites_of_a_well_count_as_one_event():
    # Two wells with all their nine sites: 18 of 72 sites, but two events.
    table = screen({"A": 18, "B": 0, "C": 0}, wells=8, sites=9)
    found = balance(table)
    assert found["permuted"] == "well"
    assert found["p"] > 0.05
    assert stats.fisher_exact([[18, 54], [0, 144]]).pvalue < 1e-8
    assert found["classes"]["A"]["lost"] == 18


def test_sites_are_permuted_where_a_class_has_too_few_wells():
    table = screen({"A": 20, "B": 0}, wells=1, sites=40)
    assert flag_balance.groups(table, table["moa"])[0] == "site"
    assert list(flag_balance.uneven_classes(balance(table))) == ["A"]


def test_sites_are_permuted_where_wells_are_not_known():
    table = screen({"A": 1, "B": 0}).assign(well="")
    assert flag_balance.groups(table, table["moa"])[0] == "site"


@pytest.mark.parametrize("lost", [{"A": 0, "B": 0}, {"A": 8, "B": 8}, {"A": 4}])
def test_nothing_to_compare_is_even(lost):
    assert balance(screen(lost))["p"] == 1


def test_the_seed_decides():
    table = screen({"A": 5, "B": 2, "C": 1})
    assert balance(table, 1) == balance(table, 1)


def test_controls_are_a_class_only_where_a_split_takes_them():
    sites = pd.DataFrame({"moa": ["A", "DMSO", None], "role": ["treated", "control", "treated"]})
    labels = flag_balance.used_labels
    assert list(labels(sites, include_controls=False)) == ["A", "", ""]
    assert list(labels(sites, include_controls=True)) == ["A", "DMSO", ""]
