"""Rules named with `--until` that Snakemake cannot stop at."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from moascope.core.errors import InputError


def check_until(arguments: Sequence[str], *, has_screen: bool, has_networks: bool) -> None:
    """Check that Snakemake can stop at the rules that are named with `--until`.

    Snakemake itself does nothing at all where it cannot.

    Parameters
    ----------
    arguments : sequence of str
        The command line of Snakemake, without the program.
    has_screen : bool
        Whether the run reads a screen.
    has_networks : bool
        Whether the run has networks to check.

    Raises
    ------
    InputError
        Naming the rules, and what to name instead.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--until", "-U", nargs="+", default=[])
    until = parser.parse_known_args(list(arguments))[0].until
    hints = {
        "train_fold": "its jobs are unknown before the split is made; use collect_folds, "
        "which trains all folds",
    }
    if not has_screen:
        hints |= dict.fromkeys(
            ["sites", "check_splits", "check_models"],
            "there is no screen to check before the run; start it without --until",
        )
    elif not has_networks and until == ["check_models"]:
        hints["check_models"] = "there are no networks to check; name check_splits"
    problems = [f"{name}: {hints[name]}" for name in until if name in hints]
    if problems:
        raise InputError.collect(problems, "--until")
