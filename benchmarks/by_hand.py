"""A study of one's own images, and the same written by hand with Keras and scikit-learn.

Ours is the whole of `make own`: reading the folder, near copies, all methods under both protocols,
tables, figures, the report and the final model. By hand are the networks, heads and probes alone,
with our images, splits, configurations and numbers of updates, under one protocol. It trains a
few of the splits; its time is extrapolated to all.
"""

import argparse
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

import side_by_side
import study
from features import keras_vgg16
from scratch import keras_network, random_layers
from side_by_side import CHECKOUT, WORK, Contestant, Timed
from transfer_gain.config.loading import load
from transfer_gain.config.paths import format_number
from transfer_gain.config.study import Study
from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates, read_replicates
from transfer_gain.data.sources import solar_cells
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.names import AUGMENTATION, BASELINE

SEED = 2018
OURS = "transfer-gain, `make own`"
BY_HAND = "by hand: Keras, scikit-learn"
NAMES = {"dataset": "mine", "backbone": "vgg16"}


def make_folder(images: int) -> Path:
    """Write photographs of solar cells to folders of their classes, unless they are there."""
    folder = WORK / f"cells-{images}"
    if len(list(folder.glob("*/*.png"))) == images:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    fetch(solar_cells.ARTEFACT, WORK)
    cells = solar_cells.SolarCells(WORK / solar_cells.WHEEL, images, rest=False, seed=SEED)
    for number, item in enumerate(cells.items):
        path = folder / cells.classes[item.label] / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(cells.read(item)).save(path)
    return folder


def ours(config: Path, results: Path, cores: int) -> Callable[[int], None]:
    """Prepare the study, made anew in every round."""

    def run(number: int) -> None:
        shutil.rmtree(results, ignore_errors=True)
        study.snakemake(config, cores)

    return run


class ByHand:
    """The scripts of a user, with what they read."""

    def __init__(self, about: Study, threads: int) -> None:
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        self.about, self.keras, self.tf = about, keras, tf
        self.rates = [float(rate) for rate in about.heads.learning_rates]

    def data(self, fraction: str) -> Replicates:
        """Return the images and splits of a fraction."""
        paths = self.about.paths
        files = paths.images, paths.samples, paths.validation_roles
        return read_replicates(*(file.format(**NAMES, fraction=fraction) for file in files))

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return VGG16's features by `predict`."""
        vgg16 = self.keras.applications.vgg16
        model = keras_vgg16(CHECKOUT / self.about.paths.vgg16_weights, images.shape[1])
        values = model.predict(vgg16.preprocess_input(images.astype(np.float32)), verbose=0)
        return values.reshape(len(images), -1)

    def fitted(
        self,
        layers: Sequence,
        inputs: np.ndarray,
        labels: np.ndarray,
        rate: float,
        change: Callable | None = None,
        updates: int | None = None,
    ) -> Any:
        """Train a network with `fit`, for as long as the study says unless told; return it."""
        heads, tf = self.about.heads, self.tf
        model = self.keras.Sequential(layers)
        model.compile(self.keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        of_epoch = -(-len(inputs) // heads.batch_size)
        epochs = max(heads.epochs, -(-heads.min_updates // of_epoch))
        if updates is not None:
            epochs = -(-updates // of_epoch)
        batches = tf.data.Dataset.from_tensor_slices((inputs, labels)).cache()
        batches = batches.shuffle(len(inputs)).batch(heads.batch_size)
        if change:
            batches = batches.map(
                lambda some, names: (change(some, training=True), names),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        model.fit(batches.prefetch(tf.data.AUTOTUNE), epochs=epochs, shuffle=False, verbose=0)
        return model

    def dense(self, units: Sequence[int], activation: str, classes: int) -> list:
        """Return dense layers and a softmax, with the study's penalty."""
        penalty = self.keras.regularizers.L2(self.about.heads.l2)
        dense = self.keras.layers.Dense
        hidden = [dense(each, activation, kernel_regularizer=penalty) for each in units]
        return [*hidden, dense(classes, "softmax", kernel_regularizer=penalty)]

    def updates_of_ours(self) -> dict[tuple[str, str, int], int]:
        """Return how long our networks from scratch took, by method, fraction and split."""
        runs = pd.read_parquet(self.about.paths.table("runs.parquet"))
        runs = runs[runs["method"].isin([BASELINE, AUGMENTATION])]
        names = runs["method"].astype(str), runs["fraction"].map(format_number), runs["replicate"]
        return dict(zip(zip(*names, strict=True), runs["updates"], strict=True))

    def from_scratch(
        self, data: Replicates, split: int, change: Callable | None, updates: int
    ) -> None:
        """Train the network of one convolution, and let it name the classes."""
        model = self.fitted(
            keras_network(study.network(self.about), data.classes, self.about.heads.l2),
            data.features[data.samples[split]],
            data.labels[data.samples[split]],
            self.about.baseline.learning_rates[0],
            change,
            updates,
        )
        model.predict(data.features[data.validation], verbose=0)

    def heads(self, features: np.ndarray, copies: np.ndarray, data: Replicates, split: int) -> None:
        """Train heads at each rate, and the best with augmented copies and for as long without."""
        sample, validation = data.samples[split], data.validation
        layers, activation = self.about.heads.layers[0], self.about.heads.activations[0]
        chosen = data.selection[split]

        def head(inputs: np.ndarray, labels: np.ndarray, rate: float) -> float:
            model = self.fitted(self.dense(layers, activation, data.classes), inputs, labels, rate)
            named = model.predict(features[validation], verbose=0).argmax(axis=1)
            return float((named == data.labels[validation])[chosen].mean())

        rates = {rate: head(features[sample], data.labels[sample], rate) for rate in self.rates}
        best = max(rates, key=rates.__getitem__)
        times = 1 + self.about.transfer_augmented.copies
        more = np.concatenate([features[sample], *copies[:, sample]])
        for inputs in (more, np.concatenate([features[sample]] * times)):
            head(inputs, np.concatenate([data.labels[sample]] * times), best)

    def probes(self, features: np.ndarray, data: Replicates, split: int) -> None:
        """Fit a logistic regression per penalty."""
        from sklearn.linear_model import LogisticRegression

        sample = data.samples[split]
        inputs = features / np.sqrt(np.mean(np.square(features[sample])))
        for l2 in self.about.linear_probe.l2:
            probe = LogisticRegression(C=1 / (l2 * len(sample)), max_iter=1000)
            probe.fit(inputs[sample], data.labels[sample]).predict_proba(inputs[data.validation])

    def run(self, splits: int) -> float:
        """Train some of the splits; return the seconds that all would take."""
        begun = time.perf_counter()
        change = random_layers(self.about.augmentation.settings())
        fractions, updates = self.about.fraction_names(), self.updates_of_ours()
        # The rows of a fraction's images are its own, and an image may be there twice.
        rows: dict[bytes, int] = {}
        every = self.data(fractions[0]).features
        for picture in every:
            rows.setdefault(picture.tobytes(), len(rows))
        pictures = np.stack([np.frombuffer(each, np.uint8) for each in rows])
        pictures = pictures.reshape(-1, *every.shape[1:])
        features = self.features(pictures)
        copies = np.stack(
            [
                self.features(np.asarray(change(pictures.astype(np.float32), training=True)))
                for _ in range(self.about.transfer_augmented.copies)
            ]
        )
        once, begun = time.perf_counter() - begun, time.perf_counter()
        for fraction in fractions:
            data = self.data(fraction)
            own = [rows[picture.tobytes()] for picture in data.features]
            for split in range(splits):
                self.keras.backend.clear_session()
                for method, augmentation in ((BASELINE, None), (AUGMENTATION, change)):
                    length = updates[method, fraction, split]
                    self.from_scratch(data, split, augmentation, length)
                self.heads(features[own], copies[:, own], data, split)
                self.probes(features[own], data, split)
        return once + (time.perf_counter() - begun) / splits * len(data.samples)


def by_hand(config: Path, splits: int, threads: int) -> Callable[[int], Timed]:
    """Prepare the user's script."""
    scripts = ByHand(load(yaml.safe_load(config.read_text())), threads)
    return lambda number: Timed(None, scripts.run(splits))


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--splits", type=int, default=1, help="splits that are trained by hand")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    results = WORK / "by-hand"
    config = yaml.safe_load((CHECKOUT / "workflow/studies/own.yaml").read_text())
    folder = make_folder(options.images)
    config |= {
        "results": str(results),
        "datasets": {"mine": {"source": "folder", "path": str(folder)}},
    }
    path, about = study.save(config, "by-hand")
    race = side_by_side.race(
        [
            Contestant(OURS, ours, (path, results, options.threads)),
            Contestant(BY_HAND, by_hand, (path, options.splits, options.threads)),
        ],
        options.rounds,
        options.threads,
        warmups=0,
    )
    images = len(store.read_index(about.paths.images.format(**NAMES)))
    return (
        f"{images} photographs of solar cells as one's own, on {options.threads} cores; rounds: "
        f"{options.rounds}. Ours is everything from the folder to the report and the model. By "
        f"hand are networks, heads and probes alone, under one protocol: {options.splits} of "
        f"{about.cross_fitting.splits} splits, extrapolated to all.\n\n"
        + side_by_side.times(race, OURS, digits=0)
    )


if __name__ == "__main__":
    print(main())
