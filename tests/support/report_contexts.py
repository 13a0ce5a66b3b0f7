"""Small contexts of the report, for tests of its parts."""

from __future__ import annotations

from typing import Any

import fake_run
import pandas as pd

from moascope.core.options import restore
from moascope.report.context import Context, ModelContext, SplitContext
from moascope.splits.options import Split


def context_of(config: dict[str, Any] | None = None, **parts: Any) -> Context:
    """Return a context without content but for `parts`; `config` changes sections of a default."""
    empty: dict[str, Any] = {
        "has_screen": True,
        "summary": {},
        "quality": pd.DataFrame(),
        "quarantined": pd.DataFrame(),
        "units": pd.DataFrame(),
        "splits": {},
        "models": {},
        "images": {},
        "pixel_um": None,
        "augmentation": None,
        "segmentation": None,
    }
    return Context(**{**empty, "config": fake_run.configuration() | (config or {}), **parts})


def model_of(evaluation: dict[str, Any], **parts: Any) -> ModelContext:
    """Return a model with an evaluation only."""
    empty: dict[str, Any] = {
        "config": {},
        "predictions": pd.DataFrame(),
        "history": None,
        "embedding": None,
    }
    return ModelContext(evaluation=evaluation, **{**empty, **parts})


def split_of(
    options: dict[str, Any],
    table: pd.DataFrame,
    groups: pd.DataFrame,
    audit: dict[str, Any] | None = None,
) -> SplitContext:
    """Return a split with plain options, without an audit if none is given."""
    return SplitContext(
        config=restore(Split, options), table=table, groups=groups, audit=audit or {}
    )
