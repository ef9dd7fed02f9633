"""Make the model of a dataset: choose the method, train it on everything, write the folder."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transfer_gain.config.network_files import NetworkFileError, image_input
from transfer_gain.config.networks import KERAS_FILE
from transfer_gain.data import store
from transfer_gain.data.fitting import Fit
from transfer_gain.data.whole_files import written_whole
from transfer_gain.features.frozen import BackboneError
from transfer_gain.model import description, files, final_training, graph, unlike
from transfer_gain.model.description import Description, Expected, Image
from transfer_gain.model.final_training import Final, Images, NotExportableError, Recipe
from transfer_gain.names import FROM_SCRATCH
from transfer_gain.seeds import generator

COMPARED = 16  # pictures for which the probabilities of both files are compared
CONFIGURATION = ("layers", "activation", "learning_rate", "l2")

log = logging.getLogger(__name__)


def make(
    candidates: Path | str,
    outputs: Mapping[str, Path | str],
    *,
    dataset: str,
    metric: str,
    seed: int,
    how: Fit,
    images: Mapping[str, Path | str],
    features: Mapping[str, Path | str],
    backbones: Mapping[str, Mapping[str, Any]],
    recipe: Mapping[str, Any],
    code: str,
) -> None:
    """Train the best method that can be a model on all labeled images, and write it.

    Args:
        candidates: file of the methods, the best first, see `recommendation.candidates`.
        outputs: files to write: keras, onnx, features and description.
        dataset: name of the dataset.
        metric: the metric that is compared.
        seed: the study's seed.
        how: how the dataset's pictures are brought to one shape.
        images: file of the dataset's images for each backbone, "none" among them.
        features: file of the dataset's features from each trained backbone.
        backbones: cut, weights and fine_tuning of each trained backbone, see `Recipe`.
        recipe: settings, network, ranges and copies, see `Recipe`.
        code: SHA-256 of the code.

    Raises:
        NotExportableError: no method can be a model.
        StoreError: an input is corrupt.
    """
    instead_of: list[str] = []
    for candidate in store.read_rows(candidates).to_dict("records"):
        method, backbone = candidate["method"], candidate["backbone"]
        configuration = {name: candidate[name] for name in CONFIGURATION}
        path = images[backbone]
        data = read_images(path, features.get(backbone), dataset, seed)
        try:
            final = final_training.train(
                method,
                data,
                Recipe(
                    configuration,
                    head_learning_rate=candidate["head_learning_rate"],
                    **recipe,
                    **backbones.get(backbone, {}),
                ),
            )
            with written_whole(outputs["onnx"]) as temporary:
                files.write_onnx(final.network, temporary)
            with written_whole(outputs["keras"]) as temporary:
                files.write_keras(final.network, temporary)
            image_input(KERAS_FILE, outputs["keras"])  # whether it will be opened
        except (NotExportableError, BackboneError, NetworkFileError) as error:
            instead_of.append(_instead(method, backbone, error))
            log.warning("%s", instead_of[-1])
            continue
        _describe(
            final,
            data.pictures,
            outputs,
            generator(seed, dataset, "model", "kept"),
            dataset=dataset,
            classes=tuple(store.read_metadata(path)["classes"]),
            images_of_class=tuple(np.bincount(data.labels).tolist()),
            image=Image(**how._replace(size=data.side)._asdict()),
            method=method,
            backbone=backbone,
            configuration=description.plain(configuration | _weighting(recipe)),
            expected=_expected(candidate, metric),
            instead_of=tuple(instead_of),
            code=code,
            data={str(path): description.digest(path)},
        )
        return
    raise NotExportableError(f"{dataset}: found no method that can be a model: {instead_of}")


def _weighting(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return how classes were weighted in training; empty if they were not."""
    return {key: value for key, value in recipe["settings"].items() if key == "class_weights"}


def read_images(path: Path | str, features: Path | str | None, dataset: str, seed: int) -> Images:
    """Read all labeled images of a file, but those that the dataset came with for testing.

    Args:
        path: a file of images.
        features: file of their features; None for training from scratch.
        dataset: see `Images`.
        seed: see `Images`.

    Raises:
        StoreError: a file is corrupt, or the features are not those of the images.
    """
    index = store.read_index(path)
    rows = np.flatnonzero(index["split"] != store.TEST)
    if features and not store.read_index(features)["image_id"].equals(index["image_id"]):
        raise store.StoreError(f"{features}: found other images than in {path}")
    return Images(
        store.read_arrays(path, rows),
        index["label"].to_numpy(np.int32)[rows],
        index["image_id"].to_numpy()[rows],
        len(store.read_metadata(path)["classes"]),
        dataset,
        seed,
        store.read_arrays(features, rows) if features else None,
    )


def _describe(
    final: Final,
    pictures: np.ndarray,
    outputs: Mapping[str, Path | str],
    rng: np.random.Generator,
    **facts: Any,
) -> None:
    """Write the features of the training images, and the description last."""
    # All would take minutes on one thread.
    few = np.linspace(0, len(pictures) - 1, min(COMPARED, len(pictures))).astype(int)
    compared = graph.as_rgb(pictures[few])
    features, probabilities = graph.outputs(final.network)(compared)
    by_onnx = files.onnx_probabilities(outputs["onnx"])(compared)
    log.info(
        "the features differ from those of training by at most %g, where the largest is %g",
        np.abs(features - final.features[few]).max(),
        np.abs(final.features[few]).max(),
    )
    known = unlike.kept(final.features, rng)
    with written_whole(outputs["features"]) as temporary, temporary.open("wb") as file:
        np.save(file, known)
    described = Description(
        format=2,
        unlike_distance=unlike.limit(known),
        onnx_difference=float(np.abs(by_onnx - probabilities).max()),
        files={
            "model.keras": description.digest(outputs["keras"]),
            "model.onnx": description.digest(outputs["onnx"]),
            "training_features.npy": description.digest(outputs["features"]),
        },
        **facts,
    )
    log.info("the files differ by at most %g in a probability", described.onnx_difference)
    with written_whole(outputs["description"]) as temporary:
        description.write(described, temporary)


def _expected(candidate: Mapping[str, Any], metric: str) -> Expected:
    low, high = (None if pd.isna(candidate[end]) else candidate[end] for end in ("low", "high"))
    return Expected(
        metric=metric, score=candidate["score"], low=low, high=high, labels=candidate["labels"]
    )


def _instead(method: str, backbone: str, error: Exception) -> str:
    """Say why a better method is not the model."""
    on = "" if backbone == FROM_SCRATCH else f" on {backbone}"
    return f"{method}{on} scored higher, but {error}."
