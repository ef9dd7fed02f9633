"""What a folder of your own images says beside the images: labels in a table, groups."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

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
        description="Column that says `train` or `val` of each image. Without such a column the "
        "split is drawn.",
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
