"""What every section of the configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from moascope.cell_text import clean

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
# What is compared with cells and column names of tables, which are cleaned too.
Cell = Annotated[str, AfterValidator(clean)]
# `--config 'input={plate_format: 384}'` arrives as text.
Whole = BeforeValidator(lambda value: int(value) if str(value).isdigit() else value)


class Section(BaseModel):
    """A part of the configuration; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)


class Rooted(Section):
    """A section whose paths may be given below one folder, so that a copy elsewhere is one key.

    Paths are joined to it when the section is read; then it is null, as they are complete.
    """

    paths: ClassVar[tuple[str, ...]]

    root: str | None = Field(
        None, description="folder that the paths of this section are below; null: the working one"
    )

    @model_validator(mode="before")
    @classmethod
    def _complete_paths(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping) or not isinstance(raw.get("root"), str):
            return raw  # what is wrong with other types is said later
        given = {key: raw[key] for key in cls.paths if isinstance(raw.get(key), str)}
        joined = {key: str(Path(raw["root"], path)) for key, path in given.items()}
        return {**raw, **joined, "root": None}
