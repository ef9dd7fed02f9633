"""Averaged features of networks of today, at their own size, through both doors and in other ways.

Each network comes by its name and as an ONNX file of the same weights, which are random: the time
does not depend on them. Each round passes other images through every contestant, from uint8 pixels
to float32 features. Peers use a batch of 8 or 32, whichever is faster here; `predict` has its own.
"""

import argparse
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import features
import side_by_side
from features import Run
from side_by_side import CHECKOUT, Contestant
from transfer_gain.config.networks import APPLICATIONS, ONNX_FILE

TOLERANCE = 1e-3  # accepted norm of the difference, relative to that of our features
BATCHES = (8, 32)
BY_NAME, BY_FILE = "transfer-gain, by name", "transfer-gain, ONNX file"


class Network(NamedTuple):
    """A network of keras.applications.

    Attributes:
        module: of keras.applications, with its `preprocess_input`.
        mean: of red, green and blue, subtracted from pixels between 0 and 1.
        scale: what the differences are divided by; the same as in the network's own preprocessing.
        plain: settings with which it is built without layers that preprocess.
    """

    module: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    plain: Mapping[str, Any]


NETWORKS = {
    "MobileNetV2": Network("mobilenet_v2", (0.5,) * 3, (0.5,) * 3, {}),
    "EfficientNetV2B0": Network(
        "efficientnet_v2",
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
        {"include_preprocessing": False},
    ),
}


class Files(NamedTuple):
    """The files of a network.

    Attributes:
        weights: as Keras saves them.
        onnx: the network with its pooling, from preprocessed float32 (images, side, side, 3).
    """

    weights: Path
    onnx: Path


def side(name: str) -> int:
    """Return a network's own side in pixels."""
    return APPLICATIONS[name].native


def _build(name: str, weights: Path | None = None, **settings: Any) -> Any:
    """Build a network with its pooling, as a user would."""
    import keras

    shape = (side(name), side(name), 3)
    model = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=shape, pooling="avg", **settings
    )
    if weights:
        model.load_weights(weights)
    return model


def _plain(name: str, weights: Path) -> Any:
    """Build a network that takes pixels which are scaled already."""
    model = _build(name, **NETWORKS[name].plain)
    model.set_weights(_build(name, weights).get_weights())
    return model


def write_files(name: str, files: Files) -> None:
    """Write a network's files, unless they are there."""
    if all(path.exists() for path in files):
        return
    import keras

    keras.utils.set_random_seed(0)
    _build(name).save_weights(files.weights)
    signature = [keras.InputSpec("float32", (None, side(name), side(name), 3), name="images")]
    _plain(name, files.weights).export(
        files.onnx, format="onnx", verbose=False, input_signature=signature
    )


def ours(images: np.ndarray, architecture: str, file: Path, threads: int, **settings: Any) -> Run:
    """Prepare our extractor as `extract` uses it: small batches, one thread per core."""
    from transfer_gain.features import extraction, networks
    from transfer_gain.training import devices

    devices.configure(gpu=False, calls=threads)
    size = images.shape[2]
    network = networks.open_network(
        architecture, file, "last", size, "float32", pooling="avg", **settings
    )
    batch = extraction.batch_size(size)

    def run(number: int) -> np.ndarray:
        parts = [
            images[number][start : start + batch] for start in range(0, images.shape[1], batch)
        ]
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(network.compute, parts)))

    return run


def by_file(images: np.ndarray, name: str, file: Path, threads: int) -> Run:
    """Prepare our door for ONNX files."""
    about = NETWORKS[name]
    return ours(images, ONNX_FILE, file, threads, mean=about.mean, scale=about.scale)


def predict(images: np.ndarray, name: str, weights: Path, threads: int) -> Run:
    """Prepare Keras as a user would write it: preprocess_input and model.predict."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    preprocess = getattr(keras.applications, NETWORKS[name].module).preprocess_input
    model = _build(name, weights)
    return lambda number: model.predict(preprocess(images[number].astype(np.float32)), verbose=0)


def onnxruntime(images: np.ndarray, name: str, file: Path, threads: int) -> Run:
    """Prepare ONNX Runtime alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    return _in_batches(images, name, lambda inputs: session.run(None, {entry.name: inputs})[0])


def torch(images: np.ndarray, name: str, weights: Path, threads: int) -> Run:
    """Prepare eager PyTorch, which runs the same layers as a backend of Keras."""
    import torch  # first, so that a missing PyTorch is the reason that is told

    os.environ["KERAS_BACKEND"] = "torch"
    torch.set_num_threads(threads)
    model = _plain(name, weights)

    def compute(inputs: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(inputs), training=False).numpy()

    return _in_batches(images, name, compute)


def _in_batches(images: np.ndarray, name: str, compute: Callable[[np.ndarray], np.ndarray]) -> Run:
    """Return a function that scales pixels and passes them on, with the faster batch size."""
    about = NETWORKS[name]

    def run(pixels: np.ndarray, batch: int) -> np.ndarray:
        parts = (pixels[start : start + batch] for start in range(0, len(pixels), batch))
        scaled = (
            (part / np.float32(255) - np.float32(about.mean)) / np.float32(about.scale)
            for part in parts
        )
        return np.concatenate([compute(part) for part in scaled])

    return features.better_batch(images, run, BATCHES)


def check(made: dict[str, np.ndarray | None]) -> None:
    """Raise an error if features differ from ours by more than the tolerance."""
    expected = made[BY_NAME]
    for name, found in made.items():
        if found is None:
            continue
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        print(f"{name}: relative difference {error:.2g}", flush=True)
        if not error < TOLERANCE:
            raise ValueError(f"{name}: features differ by {error:.2g} of their norm from ours")


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants of each network and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    parts = []
    for name in NETWORKS:
        stem = CHECKOUT / side_by_side.WORK / f"random-{name}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        files = Files(Path(f"{stem}.weights.h5"), Path(f"{stem}.onnx"))
        write_files(name, files)
        shape = (options.rounds, options.images // options.rounds, side(name), side(name), 3)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        contestants = [
            Contestant(BY_NAME, ours, (images, name, files.weights, options.threads)),
            Contestant(BY_FILE, by_file, (images, name, files.onnx, options.threads)),
            *(
                Contestant(shown, prepare, (images, name, file, options.threads))
                for shown, prepare, file in (
                    ("Keras, model.predict", predict, files.weights),
                    ("ONNX Runtime", onnxruntime, files.onnx),
                    ("PyTorch, eager", torch, files.weights),
                )
            ),
        ]
        race = side_by_side.race(contestants, options.rounds, options.threads, check=check)
        parts.append(describe(name, race, options))
    return "\n\n".join(parts)


def describe(name: str, race: side_by_side.Race, options: argparse.Namespace) -> str:
    """Return the table of a network: images per second, and ratios to ours."""
    each = options.images // options.rounds
    rows = sorted(race.seconds, key=lambda who: statistics.median(race.seconds[who]))
    return (
        f"{name}: {options.images:,} images of {side(name)} × {side(name)} pixels in "
        f"{options.rounds} rounds, float32, averaged over their places; {options.threads} "
        "threads.\n\n"
        + side_by_side.table(
            ["", "images/s", "time / ours, by name", "time / ours, ONNX file"],
            [
                [
                    who,
                    side_by_side.spread([each / second for second in race.seconds[who]], 0),
                    *(
                        side_by_side.ratio(race.seconds[who], race.seconds[our])
                        if our in race.seconds
                        else ""
                        for our in (BY_NAME, BY_FILE)
                    ),
                ]
                for who in rows
            ],
        )
        + side_by_side.not_run(race.failed)
    )


if __name__ == "__main__":
    print(main())
