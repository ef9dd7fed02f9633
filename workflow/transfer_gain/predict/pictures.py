"""Read the pictures to predict, as the study read those that it trained on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_gain.data.fitting import Fit
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.clutter import is_litter
from transfer_gain.data.sources.fitted_pictures import FittedPictures
from transfer_gain.data.sources.layouts import Problem
from transfer_gain.data.sources.pictures import EXTENSIONS
from transfer_gain.printable import printable


@contextmanager
def fitted(
    path: Path | str, how: Fit, threads: int
) -> Iterator[tuple[FittedPictures, list[str], list[Problem]]]:
    """Decode the pictures of a folder or archive, or a single one.

    Decoding, orientation, fit and limits are those of `sources.folder`. Notes, tables and other
    litter beside the pictures are passed over.

    Args:
        path: the folder, archive or picture.
        how: the shape to which every picture is brought.
        threads: pictures decoded in parallel.

    Yields:
        The pictures by path, the paths of those that could be read, and what is wrong with others.

    Raises:
        SourceError: the path cannot be read, or there are no files in it.
    """
    with _files(path) as files:
        names = [name for name in files.paths if not is_litter(name)]
        if not names:
            raise SourceError(
                f"{printable(path)}: found no files that could be pictures, expected a folder, an "
                "archive or a picture"
            )
        pictures = FittedPictures(how)
        try:
            bad = pictures.decode(files, names, threads)
            wrong = {name for name, _ in bad}
            yield pictures, [name for name in names if name not in wrong], bad
        finally:
            pictures.close()


@contextmanager
def _files(path: Path | str) -> Iterator[Files]:
    """Open a folder or an archive; a single picture as a folder that has nothing else."""
    path = Path(path)
    if not (path.is_file() and path.suffix.lower() in EXTENSIONS):
        with Files(path) as files:
            yield files
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, path.name).symlink_to(path.resolve())
        with Files(folder) as files:
            yield files
