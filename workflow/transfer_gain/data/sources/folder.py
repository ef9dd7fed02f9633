"""The user's own images: a folder, zip or tar with one folder of images per class."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from posixpath import splitext
from typing import Any, Literal

import numpy as np

from transfer_gain.data import mirroring
from transfer_gain.data.audit import Choice, audit
from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources import groups as grouping
from transfer_gain.data.sources import label_table, layouts
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import Item, Source, SourceError
from transfer_gain.data.sources.fitted_pictures import FittedPictures
from transfer_gain.data.sources.layouts import Arrangement, LayoutError, Place, Problem
from transfer_gain.printable import printable

_SHOWN = 10

log = logging.getLogger(__name__)


class Folder(Source):
    """A user's images, sorted into folders (`layouts.by_folders`) or labeled by a table.

    A single folder that contains everything is ignored, even one called `train`. All images are
    decoded when the source is opened, and kept in their final shape in a temporary file. If another
    size is read, they are decoded once more: which images are used must not depend on that size.

    These are problems: a file in a class folder that is not an image, is truncated or too large, or
    has one color only; an image elsewhere; a link that leads nowhere; a class without images (in
    any part of a given split); the same pixels in two classes, or in two parts of a given split.
    Either all problems are raised together, or the affected files are skipped. Of pixels in two
    classes, all copies are skipped, because no label can be trusted. Of pixels in two parts of a
    split, those of the later part are skipped: training comes before validation and test. A class
    without images is skipped as a whole. Pixels are compared in the shape in which the networks see
    them.

    These are no problems: notes, tables and other litter beside images, which are passed over, and
    duplicates within a class, of which only the first by name is used. Otherwise a random split
    could put one copy on each side.

    Attributes:
        classes: names of the classes, in natural order.
        items: training before validation before test if there is a split, by name within. An
            `image_id` is the file's path, escaped where it is not UTF-8 or not printable.
        skipped: (path, reason) of what is left out, sorted; litter is one row.
        duplicates: how many duplicates of each label are left out.
        notes: what else a reader of the results should know.
        near_copies: (path, other, distance, relation) of near copies, see `audit.Pair`.
    """

    def __init__(
        self,
        path: Path | str,
        how: Fit,
        on_bad_image: Literal["error", "skip"] = "error",
        threads: int = 1,
        labels: Mapping[str, Any] | None = None,
        groups: Mapping[str, Any] | None = None,
        near_copies: Choice = "group",
        merge_similar_classes: bool = False,
        read_size: int | None = None,
    ):
        """List, check and decode the images.

        Args:
            path: a folder, a zip or a tar.
            how: the shape to which every picture is brought.
            on_bad_image: whether problems are raised or skipped.
            threads: pictures decoded in parallel.
            labels: `file` and `columns` of a table of labels, see `label_table.arrange`.
            groups: which images belong together, by one of `subfolder` (True), `pattern` and
                `column`.
            near_copies: what is done about near copies, see `audit`.
            merge_similar_classes: see `layouts.class_names`.
            read_size: side of the pictures that are read, if it is another than that of `how`.

        Raises:
            SourceError: the path or table cannot be read, the layout is none that is used, there
                are fewer than two classes, or (unless `on_bad_image` is "skip") there are problems;
                the first ten are listed by name.
        """
        self._how = how
        with ExitStack() as opened, Files(path) as files:
            arranged = arrange(files, labels, groups or {}, merge_similar_classes)
            self._pictures = FittedPictures(how)
            opened.callback(self._pictures.close)
            self._list(files, arranged, on_bad_image, near_copies, threads)
            if read_size not in (None, how.size):
                self._pictures.close()
                self._pictures = FittedPictures(how._replace(size=read_size))
                opened.callback(self._pictures.close)
                self._pictures.decode(files, list(arranged.places), threads)
            opened.pop_all()  # only an error closes them here

    def close(self) -> None:
        """Delete the temporary file; nothing can be read afterwards."""
        self._pictures.close()

    def read(self, item: Item) -> np.ndarray:
        """Return an item's picture in its final shape: uint8 (size, size) or (size, size, 3)."""
        return self._pictures[self._path_of[item.image_id]]

    def _list(
        self,
        files: Files,
        arranged: Arrangement,
        on_bad_image: str,
        near_copies: Choice,
        threads: int,
    ) -> None:
        bad = [*arranged.problems]
        bad += self._pictures.decode(files, list(arranged.places), threads)
        kept, conflicts, duplicates = _pick_copies(self._pictures.copies(), arranged.places)
        bad += conflicts
        empty = sorted(arranged.expected - set(kept.values()), key=lambda place: place.rank)
        bad += [(name, f"a class without {split or 'any'} images") for split, name in empty]

        def image_id(path: str) -> str:
            return printable(path.removeprefix(arranged.root))

        self._path_of = {image_id(path): path for path in kept}
        strange = set(kept) - set(self._path_of.values())
        bad += [(path, "a name that another one is shown like; rename it") for path in strange]
        if bad and on_bad_image == "error":
            raise SourceError(
                _report(files.path, sorted(bad), arranged.layout, self._how if conflicts else None)
            )
        audited = audit(self._pictures.fingerprints, kept, arranged.groups, near_copies)
        left_out = dict(audited.dropped)
        self.near_copies = [
            pair._replace(path=image_id(pair.path), other=image_id(pair.other))
            for pair in audited.pairs
        ]
        self.skipped = [
            (printable(name), printable(reason))
            for name, reason in sorted(
                [*bad, *duplicates, *audited.dropped, *_passed_over(arranged.litter)]
            )
        ]
        classes = {place.class_name for place in arranged.expected}
        classes -= {place.class_name for place in empty}
        self.classes = tuple(sorted(classes, key=layouts.natural))
        if len(self.classes) < 2:
            found = list(self.classes)
            raise SourceError(
                f"{printable(files.path)}: classes with images: {found}; {arranged.layout}"
            )
        mirrored = mirroring.notes(self._pictures.fingerprints, kept)
        self.notes = [printable(note) for note in (*arranged.notes, *audited.notes, *mirrored)]
        for note in self.notes:
            log.info("%s: %s", printable(files.path), note)
        copies = Counter(arranged.places[path].class_name for path, _ in duplicates)
        self.duplicates = {label: copies[name] for label, name in enumerate(self.classes)}
        paths = sorted(self._path_of.items(), key=lambda pair: (kept[pair[1]].rank[0], pair[1]))
        self.items = [
            Item(
                image_id,
                self.classes.index(kept[path].class_name),
                kept[path].split,
                printable(audited.groups[path]) if path in audited.groups else None,
            )
            for image_id, path in paths
            if kept[path].class_name in self.classes and path not in left_out
        ]


def arrange(
    files: Files,
    labels: Mapping[str, Any] | None,
    groups: Mapping[str, Any],
    merge_similar: bool,
) -> Arrangement:
    """Arrange images by a table of labels if there is one, otherwise by their folders.

    No image is read.

    Args:
        files: the folder or archive.
        labels: see `Folder`.
        groups: see `Folder`.
        merge_similar: see `layouts.class_names`.

    Raises:
        SourceError: the table cannot be read, or the layout is none that is used.
    """
    if labels:
        arranged = label_table.arrange(
            files, labels["file"], labels["columns"], groups.get("column"), merge_similar
        )
    else:
        arranged = _by_folders(files, bool(groups.get("subfolder")), merge_similar)
    paths, said = arranged.places, next((key for key, value in groups.items() if value), None)
    found = arranged.groups
    if said == "pattern":
        found = grouping.by_pattern(paths, groups["pattern"])
    elif said == "subfolder" and labels:
        found = grouping.by_subfolder(dict.fromkeys(paths, arranged.root.rstrip("/")))
    found = {path: name for path, name in found.items() if path in paths}
    classes = {path: place.class_name for path, place in paths.items()}
    notes = []
    if files.outside:
        notes.append(
            f"links that lead out of the folder, which are followed: {len(files.outside):,}, such "
            f"as {min(files.outside)}"
        )
    if said:
        shown = f"{said} {printable(str(groups[said]))}" if groups[said] is not True else said
        grouping.check(found, len(paths), shown)
    if found:
        splits = {path: place.split for path, place in paths.items()}
        notes += grouping.describe(found, classes, splits)
    elif suggested := grouping.suggest(classes):
        notes.append(
            f"file names suggest {suggested[1]:,} groups of images that belong together, which a "
            "random split separates; if they do, validation looks better than it is, and this "
            f"keeps them whole: `groups: {{pattern: '{suggested[0]}'}}`"
        )
    return dataclasses.replace(arranged, groups=found, notes=(*arranged.notes, *notes))


def _by_folders(files: Files, grouped: bool, merge_similar: bool) -> Arrangement:
    """Arrange images by their folders; mention a table of labels if there are no classes."""
    try:
        arranged = layouts.by_folders(files, grouped, merge_similar)
    except LayoutError as error:
        tables = [path for path in label_table.candidates(files) if "/" not in path]
        if not tables:
            raise
        raise LayoutError(
            f"{error}; or, if the classes are in {printable(tables[0])}, name that table: "
            f"`labels: {{file: {printable(tables[0])}}}`"
        ) from None
    classes = {place.class_name for place in arranged.places.values()}
    if len(classes) < 2 and (tables := label_table.candidates(files)):
        raise SourceError(
            f"{printable(files.path)}: found images, but not two folders of them that could be "
            f"classes, beside {', '.join(map(printable, tables[:3]))}; if the classes are in that "
            f"table, name it: `labels: {{file: {printable(tables[0])}}}`"
        )
    return arranged


def _passed_over(litter: Sequence[str]) -> list[Problem]:
    """Return one row of `skipped` for all files that are no images, at the path of the first."""
    if not litter:
        return []
    endings = Counter(splitext(path)[1].lower() for path in litter)
    counts = ", ".join(f"{endings[ending]} {ending}" for ending in sorted(endings))
    found = f"passed over, as files that are no images: {counts}"
    log.info("%s: %s", printable(litter[0]), found)
    return [(litter[0], found)]


def _pick_copies(
    copies: list[list[str]], places: Mapping[str, Place]
) -> tuple[dict[str, Place], list[Problem], list[Problem]]:
    """Return the place of one path of each picture, conflicting files and harmless duplicates."""
    kept: dict[str, Place] = {}
    conflicts, duplicates = [], []
    for paths in copies:
        first, *others = sorted(paths, key=lambda path: (places[path].rank, path))
        strange = [p for p in others if places[p].class_name != places[first].class_name]
        if strange:
            conflicts.append((first, f"identical to {strange[0]}, of another class"))
            conflicts += [(p, f"identical to {first}; not all of one class") for p in others]
            continue
        kept[first] = places[first]
        for other in others:
            if places[other].split == places[first].split:
                duplicates.append((other, f"identical to {first}"))
            else:
                reason = f"identical to {first}, on the other side of the split"
                conflicts.append((other, reason))
    return kept, conflicts, duplicates


def _report(path: Path | str, bad: list[Problem], layout: str, compared: Fit | None) -> str:
    advice = f"({layout}; `on_bad_image: skip` leaves out what is bad"
    if compared:
        advice += f"; pictures are compared in {compared.channels} at {compared.size} pixels"
    advice += ")"
    lines = [f"  {printable(name)}: {printable(reason)}" for name, reason in bad[:_SHOWN]]
    if len(bad) > _SHOWN:
        lines.append(f"  … and {len(bad) - _SHOWN} more")
    return "\n".join([f"{printable(path)}: bad images {advice}", *lines])


def open_source(
    files: Sequence[Path], settings: Mapping[str, Any], seed: int, cores: int
) -> Folder:
    """Open the folder or archive that a dataset's settings name; see `sources`."""
    options = settings["options"]
    return Folder(
        options["path"],
        Fit.of(settings),
        options["on_bad_image"],
        cores,
        options["labels"],
        options["groups"],
        options["near_copies"],
        options["merge_similar_classes"],
        settings["read_size"],
    )
