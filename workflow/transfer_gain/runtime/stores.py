"""A store in place of a shared disk: where jobs find the files of a study."""

import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Store(NamedTuple):
    """Snakemake's default storage; without one, every file is where its path says.

    Attributes:
        provider: Snakemake's storage provider, or None.
        prefix: what the store's addresses begin with.
        run: waits for a coroutine of the provider.
    """

    provider: Any
    prefix: str
    run: Callable[[Any], Any]

    def __bool__(self) -> bool:
        """Return whether there is a store."""
        return self.provider is not None

    def paths(self, files: Any) -> Any:
        """Return the paths of a job's copies of files of the study, by which Snakemake knows them.

        Args:
            files: a path, or any structure of dictionaries and lists of paths.
        """
        if not self:
            return files
        if isinstance(files, dict):
            return {key: self.paths(each) for key, each in files.items()}
        if isinstance(files, list):
            return [self.paths(each) for each in files]
        return str(self.object(files).local_path())

    def object(self, path: str) -> Any:
        """Return the object in the store that is a file of the study."""
        return self.provider.object(f"{self.prefix.rstrip('/')}/{os.path.normpath(path)}")

    def text(self, path: str) -> str | None:
        """Return the content of a text file of the study, or None if there is none."""
        if self:
            found = self.object(path)
            if not self.run(found.managed_exists()):
                return None
            self.run(found.managed_retrieve())
            path = str(found.local_path())
        return Path(path).read_text() if Path(path).exists() else None


def keep_wildcard_constraints(store: Store) -> None:
    """Let the paths of copies follow the wildcard constraints of rules.

    Snakemake adds them to an object's query after it was made. The S3 plugin (0.3.6) keeps the path
    from before, so that several rules seem to make the same file.
    """
    if store and hasattr(made := store.object("any"), "_local_suffix"):
        type(made).local_suffix = _suffix_of_query


def _suffix_of_query(storage_object: Any) -> str:
    """Return bucket and key."""
    return posixpath.normpath(storage_object.query.split("://", 1)[-1])
