"""Check of a configuration file without a run: `python -m moascope.config.check mine.yaml`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from moascope.config.files import check_repeated_keys
from moascope.config.loading import load
from moascope.config.syntax import read_config
from moascope.core.errors import InputError


def check_file(path: str) -> None:
    """Check the syntax, the keys and the named files of a configuration.

    Parameters
    ----------
    path : str
        A YAML or JSON file.

    Raises
    ------
    InputError
        Naming what is wrong, with the line of an error of syntax.
    """
    raw = read_config(path)
    check_repeated_keys([path])
    load(raw, path, with_files=True)


def main(arguments: Sequence[str]) -> int:
    """Check configuration files, print what is wrong, and return the exit status."""
    if not arguments:
        print("usage: python -m moascope.config.check FILE ...", file=sys.stderr)
        return 2
    status = 0
    for path in arguments:
        try:
            check_file(path)
        except InputError as error:
            print(error, file=sys.stderr)
            status = 1
        else:
            print(f"{path}: valid")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
