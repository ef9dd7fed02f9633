"""What a folder of your own images says beside the images: labels in a table, groups."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from transfer_gain.config.fields import Section

ColumnName = Annotated[str, Field(min_length=1)]


def _inside(path: str) -> str:
    """Return a path below the images in canonical form: no `./`, forward slashes."""
    return path.replace("\\", "/").removeprefix("./")


class LabelColumns(Section):
    """The names of a label table's columns."""

    file: ColumnName = Field(
        default="file",
        description="Column of the images' names, with or without folder and ending.",
    )
    label: ColumnName = Field(default="label", description="Column of the classes.")
    split: ColumnName = Field(
        default="split",
        description="Column that says `train`, `val` or `test` of each image. Without such a "
        "column the split is drawn.",
    )


class Labels(Section):
    """A table that says which class each image has."""

    file: Annotated[str, Field(min_length=1), AfterValidator(_inside)] = Field(
        description="Path of the table below `path`, with a line of column names: comma-, "
        "semicolon-, tab- or space-separated text (`.csv`, `.tsv`, `.txt`), or `.parquet`."
    )
    columns: LabelColumns = Field(
        default=LabelColumns(), description="The names of its columns. It may have others."
    )


def _pattern(pattern: str) -> str:
    """Refuse a pattern that is no regular expression, or that has several groups."""
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError):
        groups = 2
    if groups > 1:
        raise PydanticCustomError("pattern", "a regular expression with at most one group")
    return pattern


class Groups(Section):
    """Which images belong together: those of a patient, a video or an object."""

    subfolder: bool = Field(
        default=False,
        description="True: the first folder below the class. `groups: subfolder` says the same.",
    )
    pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None,
        description="A regular expression that is searched in each file name. Its group `(…)`, or "
        "all that it matches, is the name of the image's group.",
    )
    column: ColumnName | None = Field(
        default=None,
        description="A column of the table of labels. A column named `group` is used unasked.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Return `subfolder` as it is written in full."""
        return {"subfolder": True} if value == "subfolder" else value

    @property
    def chosen(self) -> list[str]:
        """Return the keys that are set."""
        return [key for key, value in self.model_dump().items() if value]


def also_subfolder(schema: dict[str, Any]) -> None:
    """Let the JSON schema of groups allow the text `subfolder`."""
    schema["anyOf"].insert(1, {"const": "subfolder"})
