"""The table of predictions: one row per picture."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from transfer_gain.data.sources.fitted_pictures import FittedPictures
from transfer_gain.data.store import without_formulas
from transfer_gain.data.whole_files import written_whole
from transfer_gain.model import files, graph, unlike
from transfer_gain.model.description import Description
from transfer_gain.predict.pictures import fitted
from transfer_gain.printable import printable

AT_ONCE = 64  # pictures

PROBLEM = "problem"


def predict(
    model: Path | str, described: Description, images: Path | str, threads: int = 1
) -> pd.DataFrame:
    """Predict the classes of pictures.

    Args:
        model: the folder of the model.
        described: see `description.read`.
        images: a folder, an archive or a picture.
        threads: pictures decoded in parallel.

    Returns:
        One row per file, sorted: file, class, its probability, `unlike_training` (whether the
        picture is unlike anything trained on, see `unlike`), the distance behind that, the
        probability of each class (`probability_` and its name), and what is wrong with a file that
        is no picture.

    Raises:
        ModelError: see `files.open_model`.
        NetworkFileError: see `files.open_model`.
        BackboneError: see `files.open_model`.
        SourceError: see `pictures.fitted`.
    """
    compute, known = files.open_model(model, described)
    names = [printable(name) for name in described.classes]
    parts = []
    with fitted(images, described.image.fit, threads) as (pictures, paths, bad):
        for some, batch in _batches(pictures, paths):
            features, probabilities = compute(graph.as_rgb(batch))
            distances = unlike.distances(features, known)
            parts.append(
                pd.DataFrame(
                    {
                        "file": [printable(path) for path in some],
                        "class": [names[label] for label in probabilities.argmax(axis=1)],
                        "probability": probabilities.max(axis=1),
                        "unlike_training": distances > described.unlike_distance,
                        "distance": distances,
                        **_by_class(names, probabilities),
                    }
                )
            )
    problems = {"file": [printable(name) for name, _ in bad], PROBLEM: [why for _, why in bad]}
    rows = pd.concat([*parts, pd.DataFrame(problems, dtype=object)], ignore_index=True)
    columns = ["file", "class", "probability", "unlike_training", "distance"]
    columns += [*_by_class(names, np.empty((0, len(names)))), PROBLEM]
    return rows.reindex(columns=columns).sort_values("file", kind="stable", ignore_index=True)


def write(predictions: pd.DataFrame, path: Path | str) -> None:
    """Write predictions as CSV, in which no text is a formula."""
    with written_whole(path) as temporary:
        without_formulas(predictions).to_csv(temporary, index=False)


def _batches(
    pictures: FittedPictures, paths: Sequence[str]
) -> Iterator[tuple[Sequence[str], np.ndarray]]:
    """Yield paths and their pictures, uint8 (pictures, size, size, 1 or 3), with progress."""
    with tqdm(total=len(paths), unit="picture", file=sys.stderr, disable=None) as bar:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            batch = np.stack([pictures[path] for path in some])
            yield some, batch if batch.ndim == 4 else batch[..., None]
            bar.update(len(some))


def _by_class(names: Sequence[str], probabilities: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return the probabilities in columns by class."""
    return {f"probability_{name}": probabilities[:, label] for label, name in enumerate(names)}
