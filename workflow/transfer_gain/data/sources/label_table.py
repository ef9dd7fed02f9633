"""Arrange images by a table of labels that lies beside them."""

import csv
import difflib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from posixpath import basename, commonpath, dirname, splitext
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transfer_gain.data.sources import limits
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.layouts import (
    SPLITS,
    Arrangement,
    Place,
    Problem,
    class_names,
    open_training,
    split_of,
)
from transfer_gain.data.sources.limits import naming
from transfer_gain.data.sources.pictures import EXTENSIONS
from transfer_gain.printable import printable, shorten

ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
MAX_ROWS = 2_000_000
MAX_VALUES = 2**28  # bytes of a table's columns in memory
GROUP = "group"  # a column of this name gives groups unless the config names another

_DELIMITERS = (",", ";", "\t")
_SPACES = " "
_EXPECTED = (
    "expected the image's name in column {file} and its class in column {label} of every row"
)


class Rows(NamedTuple):
    """The columns of a label table that are used, as text; an empty text is no value.

    Attributes:
        file: name of each row's image.
        label: its class.
        split: its part of a given split; None without such a column.
        group: its group; None without such a column.
    """

    file: list[str]
    label: list[str]
    split: list[str] | None
    group: list[str] | None


def candidates(files: Files) -> list[str]:
    """Return the files that may be a table of labels."""
    return [path for path in files.paths if splitext(path)[1].lower() in ENDINGS]


def arrange(
    files: Files,
    table: str,
    columns: Mapping[str, str],
    group: str | None = None,
    merge_similar: bool = False,
) -> Arrangement:
    """Arrange images by a table of labels.

    A name in the table is that of a file below the images or, if there is none, below the table's
    folder. Otherwise it may lack the ending, or folders in front, or have more folders in front, as
    long as only one image matches. Rows of the same file and label are harmless; of another label,
    none of them can be trusted.

    Args:
        files: the images and the table.
        table: path of the table among `files`.
        columns: names of the columns `file`, `label` and `split`; the last may be missing if it has
            its usual name.
        group: name of the column of groups; None for `GROUP` if there is such a column.
        merge_similar: see `class_names`.

    Raises:
        SourceError: there is no such table, it cannot be read, is over a limit, or lacks a column,
            or names of classes are too similar.
    """
    if table not in files.paths:
        raise SourceError(
            f"{printable(files.path)}: found no table {printable(table)} (`labels: file`)"
            + _meant(table, candidates(files))
        )
    rows = read(files.read(table), f"{files.path}/{table}", columns, group)
    rows = rows._replace(label=_shown_labels(files, rows.label, merge_similar))
    return _arranged(files, table, rows, columns)


def _shown_labels(files: Files, labels: Sequence[str], merge_similar: bool) -> list[str]:
    shown = class_names(printable(files.path), set(labels) - {""}, merge_similar)
    return [shown.get(label, "") for label in labels]


def read(content: bytes, name: str, columns: Mapping[str, str], group: str | None = None) -> Rows:
    """Read the columns of a table of labels.

    Text is UTF-8, with or without a byte order mark, UTF-16, or else Latin-1. Numbers stay as they
    are written.

    Args:
        content: the file's bytes.
        name: its name, whose ending tells Parquet, for errors.
        columns: see `arrange`.
        group: see `arrange`.

    Raises:
        SourceError: see `arrange`.
    """
    required = [columns["file"], columns["label"], *([group] if group else [])]
    optional = [columns["split"], *([] if group else [GROUP])]
    if columns["split"] != "split":
        required.append(optional.pop(0))
    if name.lower().endswith(".parquet"):
        with naming(name):
            found = _read_parquet(content, name, required, optional)
    else:
        found = _read_text(content, name, required, optional)
    wanted = (columns["file"], columns["label"], columns["split"], group or GROUP)
    return Rows(*(found.get(column) for column in wanted))  # type: ignore[arg-type]


def _read_text(
    content: bytes, name: str, required: Sequence[str], optional: Sequence[str]
) -> dict[str, list[str]]:
    text = decoded(content)
    with naming(name):
        delimiter, header = _delimiter(text, required)
    _check_columns(name, header, required)
    with naming(name):
        rows = list(islice(_cells(text, delimiter), 1, MAX_ROWS + 2))
    _check_rows(name, len(rows))
    for number, row in enumerate(rows, start=2):
        if any(row[len(header) :]):
            raise SourceError(
                f"{printable(name)}, row {number}: found {len(row)} values, expected {len(header)}"
            )
    return {
        column: [row[place].strip() if place < len(row) else "" for row in rows]
        for column in (*required, *optional)
        if column in header
        for place in [header.index(column)]
    }


def _cells(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the values of each row, the names of the columns first."""
    lines = io.StringIO(text, newline="")
    if delimiter == _SPACES:
        yield from (line.split() for line in lines)
    else:
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def decoded(content: bytes) -> str:
    """Return a text file's content; its encoding is told by its first bytes."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    start = content[:200]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if start and zeros.count(0) > len(zeros) / 2:  # Latin letters in two bytes
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _delimiter(text: str, required: Sequence[str]) -> tuple[str, list[str]]:
    """Return the delimiter of a table, and the names of its columns."""
    headers = {
        delimiter: [name.strip() for name in next(_cells(text, delimiter), [])]
        for delimiter in (*_DELIMITERS, _SPACES)
    }

    def fits(delimiter: str) -> tuple[int, int]:
        header = headers[delimiter]
        # Spaces may also be in names of columns, so that they come last.
        return sum(name in header for name in required), delimiter != _SPACES and len(header)

    delimiter = max(headers, key=fits)
    return delimiter, headers[delimiter]


def _read_parquet(
    content: bytes, name: str, required: Sequence[str], optional: Sequence[str]
) -> dict[str, list[str]]:
    source = pa.BufferReader(content)
    schema = pq.read_schema(source)
    _check_columns(name, schema.names, required)
    columns = [column for column in (*required, *optional) if column in schema.names]
    # A few bytes may stand for many long values, so that text stays in dictionaries at first.
    with pq.ParquetFile(source, read_dictionary=columns) as file:
        _check_rows(name, file.metadata.num_rows)
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        if sum(group.total_byte_size for group in groups) > MAX_VALUES:
            raise SourceError(f"{printable(name)}: more than {MAX_VALUES:,} bytes of values")
        table = file.read(columns)
    return {column: _texts(table[column].combine_chunks(), name) for column in columns}


def _texts(values: Any, name: str) -> list[str]:
    """Return a column's values as text; a missing value is an empty text."""
    if pa.types.is_dictionary(values.type):
        if pa.types.is_string(values.type.value_type) and len(values.dictionary):
            longest = pc.max(pc.binary_length(values.dictionary)).as_py() or 0
            if longest > limits.MAX_NAME:
                raise SourceError(
                    f"{printable(name)}: a value of more than {limits.MAX_NAME:,} bytes"
                )
        values = values.dictionary_decode()
    plain = values.to_pandas()
    missing = plain.isna().to_numpy()
    if pd.api.types.is_float_dtype(plain):
        whole = missing | (plain == np.floor(plain)).to_numpy()
        if missing.any() and whole.all():  # whole numbers, of which some are missing
            plain = plain.astype("Int64")
    return ["" if gone else str(value).strip() for gone, value in zip(missing, plain, strict=True)]


def _check_columns(name: str, found: Sequence[str], required: Sequence[str]) -> None:
    if missing := [column for column in required if column not in found]:
        raise SourceError(
            f"{printable(name)}: found no column {printable(missing[0])}"
            + _meant(missing[0], found, "columns")
        )
    if twice := [column for column in required if found.count(column) > 1]:
        raise SourceError(f"{printable(name)}: found column {printable(twice[0])} twice")


def _check_rows(name: str, count: int) -> None:
    if count > MAX_ROWS:
        raise SourceError(f"{printable(name)}: more than the limit of {MAX_ROWS:,} rows")
    if count == 0:
        raise SourceError(f"{printable(name)}: found no rows below the names of the columns")


def _meant(name: str, found: Sequence[str], what: str = "tables") -> str:
    """Return ", only ..." with what was found, and what was probably meant."""
    folded = {other.casefold(): other for other in found}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    hint = f" (did you mean {shorten(printable(folded[close[0]]))}?)" if close else ""
    shown = ", ".join(shorten(printable(other)) for other in found[:20])
    return f", only the {what} {shown}{hint}" if found else f", and no other of the {what}"


class _Names:
    """Finds the image that a row of a table means."""

    def __init__(self, files: Files, table: str):
        self._paths = set(files.paths) - {table}
        self._folder = dirname(table)
        self._of_stem: dict[str, list[str]] = defaultdict(list)
        for path in files.paths:
            if splitext(path)[1].lower() in EXTENSIONS:
                self._of_stem[_stem(basename(path))].append(path)

    def find(self, name: str) -> str:
        """Return the path of an image.

        Raises:
            ValueError: there is none, or several match.
        """
        name = re.sub(r"^(\./|/)+", "", name.replace("\\", "/"))
        for path in (name, f"{self._folder}/{name}"):
            if path in self._paths:
                return path
        matching = [path for path in self._of_stem[_stem(basename(name))] if _same_file(path, name)]
        if len(matching) > 1:
            raise ValueError(f"several files: {', '.join(matching[:3])}")
        if not matching:
            raise ValueError("no such file")
        return matching[0]


def _stem(name: str) -> str:
    """Return a file's name without the ending of an image."""
    stem, ending = splitext(name)
    return stem if ending.lower() in EXTENSIONS else name


def _same_file(path: str, name: str) -> bool:
    """Tell whether a name may mean a path: one ends in the other, with or without ending."""
    if _stem(name) == name:
        path = _stem(path)
    return f"/{path}".endswith(f"/{name}") or f"/{name}".endswith(f"/{path}")


def _arranged(files: Files, table: str, rows: Rows, columns: Mapping[str, str]) -> Arrangement:
    """Return the arrangement of the rows' images, and what is wrong with each row."""
    names = _Names(files, table)
    places: dict[str, Place] = {}
    groups: dict[str, str] = {}
    row_of: dict[str, int] = {}
    distrusted: set[str] = set()
    problems: list[Problem] = []
    repeated = 0
    for row, (name, label) in enumerate(zip(rows.file, rows.label, strict=True), start=2):
        split = rows.split[row - 2] if rows.split else ""
        if not (name or label):
            continue  # an empty line
        where = f"{table}, row {row}"
        try:
            path, place = _read_row(names, name, label, split, rows.split is not None)
        except ValueError as error:
            problems.append((where, str(error)))
            continue
        if path in places and places[path] != place:
            problems.append(
                (
                    where,
                    f"{path} is {_said(place)} here, but {_said(places[path])} in row "
                    f"{row_of[path]}",
                )
            )
            distrusted.add(path)
        repeated += path in places
        places.setdefault(path, place)
        row_of.setdefault(path, row)
        if rows.group and rows.group[row - 2]:
            groups.setdefault(path, rows.group[row - 2])
    places = open_training(places)
    classes = {place.class_name for place in places.values()}
    parts = {place.split for place in places.values()}
    return Arrangement(
        root=_common_folder(places),
        places={path: place for path, place in places.items() if path not in distrusted},
        expected=frozenset(Place(part, name) for part in parts for name in classes),
        problems=tuple(problems),
        groups=groups,
        notes=tuple(_notes(files, table, places, repeated)),
        layout=_EXPECTED.format(**columns),
    )


def _read_row(
    names: _Names, name: str, label: str, split: str, has_split: bool
) -> tuple[str, Place]:
    """Return the image of a row, and its place.

    Raises:
        ValueError: it has none.
    """
    if not name:
        raise ValueError(f"no file for label {label!r}")
    if not label:
        raise ValueError(f"no label for {name}")
    part = split_of(split)
    if has_split and part is None:
        known = ", ".join(SPLITS)
        raise ValueError(f"split {split!r} of {name}, expected one of {known}")
    try:
        return names.find(name), Place(part, label)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _said(place: Place) -> str:
    return " ".join([repr(place.class_name), *([f"for {place.split}"] if place.split else [])])


def _common_folder(paths: Iterable[str]) -> str:
    """Return the folder that contains all paths, with a final slash, or ""."""
    folders = {dirname(path) for path in paths}
    common = commonpath(folders) if folders and "" not in folders else ""
    return common and f"{common}/"


def _notes(files: Files, table: str, places: Mapping[str, Place], repeated: int) -> Iterable[str]:
    left = sum(
        splitext(path)[1].lower() in EXTENSIONS and path not in places for path in files.paths
    )
    if left:
        yield f"images left out because {table} does not name them: {left:,}"
    if repeated:
        yield f"rows of {table} that repeat another: {repeated:,}"
