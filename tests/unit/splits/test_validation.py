"""Validation groups are apart from training, in the share that is set."""

import logging

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit_tables import leave_one_out, make_split, screen, units_table

from moascope.splits.folds import summary
from moascope.splits.validation import separate_validation_groups, validation_groups

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=2, max_size=25, unique=True),
    st.floats(0.05, 0.5),
    st.integers(0, 2**31),
)
def test_separate_validation_shares_nothing_and_leaves_every_class(pairs, fraction, seed):
    compound, batch = np.array(pairs).T
    # Two compounds per class.
    counts = np.where(np.arange(3) == compound[:, None] // 2, 4, 0)
    validation, training = separate_validation_groups(
        counts, [compound, batch], fraction, np.random.default_rng(seed)
    )
    for column in (compound, batch):
        assert not set(column[validation]) & set(column[training])
    assert (counts[training].any(axis=0) == counts.any(axis=0)).all()


@PROPERTY
@given(
    st.integers(2, 30).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=n, max_size=n
        )
    ),
    st.floats(0.05, 0.5),
    st.integers(0, 2**31),
)
def test_validation_leaves_a_training_group_of_every_class(counts, fraction, seed):
    counts = np.array(counts)
    chosen = validation_groups(counts, fraction, np.random.default_rng(seed))
    present = counts > 0
    assert (present[~chosen].any(axis=0) == present.any(axis=0)).all()


def test_validation_is_close_to_its_share_where_groups_are_small():
    units = screen(n_compounds=20, sites=1)
    split, groups = make_split(units, leave_one_out("compound", validation=0.2), seed=0)
    table = summary(split, groups, units)
    share = table["validation"] / (table["validation"] + table["train"])
    assert share.between(0.15, 0.26).all()


def test_validation_moves_the_compound_that_exceeds_its_share_least():
    rows = [("a", "large", "b", "p", f"A{i:02d}") for i in range(1, 9)]
    rows += [("a", "small", "b", "p", "B01"), ("a", "tested", "b", "p", "B02")]
    rows += [("b", f"other{i}", "b", "p", f"C{i:02d}") for i in range(1, 4)]
    split, _ = make_split(units_table(rows), leave_one_out("compound", validation=0.1), seed=0)
    fold = split[(split["fold_name"] == "tested") & (split["set"] == "validation")]
    assert "small" in set(fold["group"])
    assert "large" not in set(fold["group"])


def test_a_class_with_one_training_group_gives_nothing_to_validation_and_the_log_says_so(caplog):
    units = screen(n_classes=2, n_compounds=2, n_batches=1)
    with caplog.at_level(logging.WARNING):
        split, groups = make_split(units, leave_one_out("compound", validation=0.2), seed=0)
    table = summary(split, groups, units)
    held_out = table[table["test"] > 0]
    assert (held_out["validation"] == 0).all()
    assert (held_out["train"] > 0).all()
    assert "class 'moa0' has too few training groups" in caplog.text


def test_validation_of_compound_and_batch_out_costs_training_no_more_than_it_has_to(caplog):
    # Without the tested pair, 11 compounds in 3 batches: validation is one pair of each class.
    units = screen(n_classes=2, n_compounds=6, n_batches=4)
    options = {"method": "leave-compound-and-batch-out", "validation": 0.05}
    with caplog.at_level(logging.WARNING):
        split, groups = make_split(units, options, seed=0)
    table = summary(split, groups, units)
    assert (table["validation"] == 2).all()
    trained = table.groupby("fold_name")["train"].sum()
    assert (trained == 2 * (11 - 2) * 2).all()
    assert (
        "validation uses on average 6 % of the training units of a fold; 39 % are left out"
        in caplog.text
    )


def test_compound_and_batch_out_in_two_batches_gets_no_validation_and_the_log_says_so(caplog):
    options = {"method": "leave-compound-and-batch-out", "validation": 0.2}
    with caplog.at_level(logging.WARNING):
        split, _ = make_split(screen(n_batches=2), options, seed=0)
    assert "validation" not in set(split["set"])
    assert "class 'moa0' has too few training groups" in caplog.text
