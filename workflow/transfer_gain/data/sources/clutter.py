"""Which files of a user's folder are passed over, and which ones the images depend on."""

from collections.abc import Sequence
from pathlib import PurePosixPath

_CLUTTER = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"}
_CLUTTER |= {"$recycle.bin", "system volume information", "__pycache__"}
TABLES = {".csv", ".tsv", ".parquet"}
# What systems, cameras and annotation tools leave beside images. No image has these endings.
_LITTER = TABLES | {
    *(".txt", ".log", ".md", ".rst", ".xml", ".json", ".jsonl", ".yaml", ".yml", ".toml"),
    *(".html", ".htm", ".url", ".lnk", ".webloc", ".desktop", ".db", ".sqlite", ".ini", ".cfg"),
    *(".xmp", ".aae", ".thm", ".dvc", ".md5", ".sha256", ".py", ".ipynb", ".xls", ".xlsx"),
}


def is_clutter(parts: Sequence[str]) -> bool:
    """Return whether a path is skipped, by its parts: hidden, or clutter of a system."""
    # A leading dot is a hidden file, a resource fork, or `..`.
    return any(part[0] == "." or part.lower() in _CLUTTER for part in parts)


def is_litter(path: str) -> bool:
    """Return whether a file beside images is passed over: a note, a table, a sidecar."""
    return PurePosixPath(path).suffix.lower() in _LITTER


def matters(path: str) -> bool:
    """Return whether a change of a file could change the images: an image or a table of labels.

    Args:
        path: relative to the user's folder, with `/`.
    """
    file = PurePosixPath(path)
    if is_clutter(file.parts):
        return False
    if file.suffix.lower() in TABLES:
        return True
    note = len(file.parts) == 1 and not file.suffix  # README, LICENSE
    return not note and not is_litter(path)
