"""Rules named with `--until`, and targets for those that Snakemake cannot stop at."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from moascope.core.errors import InputError


def target_of(rule: str) -> str:
    """Return the name of the target that stands for all jobs of a rule."""
    return f"all_{rule}"


def files_of_jobs(output: Any, jobs: Sequence[Mapping[str, object]]) -> list[str]:
    """Return one file per job of a rule.

    Parameters
    ----------
    output : output file of a rule of Snakemake
        With wildcards and their constraints.
    jobs : sequence of mapping
        Values of the wildcards, of this rule and of others.

    Returns
    -------
    list of str
        Without those that the constraints exclude.
    """
    files = [str(output.apply_wildcards(job)) for job in jobs]
    return [file for file in files if output.match(file)]


def check_until(
    arguments: Sequence[str],
    *,
    has_screen: bool,
    has_networks: bool,
    targets: Mapping[str, object],
) -> None:
    """Check that Snakemake can stop at the rules that are named with `--until`.

    Snakemake itself does nothing at all where it cannot. It drops the jobs of rules with wildcards
    when a checkpoint is done.

    Parameters
    ----------
    arguments : sequence of str
        The command line of Snakemake, without the program.
    has_screen : bool
        Whether the run reads a screen.
    has_networks : bool
        Whether the run has networks to check.
    targets : mapping of str to object
        The files of every rule that a target stands for; empty where the run has no such jobs.

    Raises
    ------
    InputError
        Naming the rules, and what to name instead.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--until", "-U", nargs="+", default=[])
    until = parser.parse_known_args(list(arguments))[0].until
    hints = {
        rule: "Snakemake cannot stop at its jobs, since a checkpoint adds some during the run; "
        f"use {target_of(rule)}, which runs all of them"
        if files
        else "this configuration has no such jobs; name another rule"
        for rule, files in targets.items()
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
