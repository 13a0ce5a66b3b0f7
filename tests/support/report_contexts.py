"""Small contexts of the report, for tests of its parts."""

from __future__ import annotations

from typing import Any

import fake_run
import pandas as pd

from moascope.report.context import Context, ModelContext, SplitContext


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


def split_of(options: dict[str, Any], table: pd.DataFrame, groups: pd.DataFrame) -> SplitContext:
    """Return a split without an audit."""
    return SplitContext(config=options, table=table, groups=groups, audit={})
