"""A study of one's own images, and the same written by hand with Keras and scikit-learn.

Ours is the whole of `make own`: reading the folder, near copies, all methods, tables, figures, the
report and the final model. By hand are features, networks, heads, fine-tuning and probes alone,
with our images, splits, configurations and numbers of updates. It trains a few of the splits; its
time is extrapolated to all.
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
from transfer_gain.config import jobs
from transfer_gain.config.loading import load
from transfer_gain.config.paths import format_number
from transfer_gain.config.study import Study
from transfer_gain.data import store
from transfer_gain.data.replicates import Replicates, read_replicates
from transfer_gain.data.sources import solar_cells
from transfer_gain.data.sources.fetch import fetch
from transfer_gain.methods.records import TRANSFER
from transfer_gain.names import (
    AUGMENTATION,
    BASELINE,
    FINE_TUNING,
    FROM_SCRATCH,
    TRANSFER_AUGMENTED,
    TRANSFER_EXTENDED,
)

SEED = 2018
OURS = "transfer-gain, `make own`"
BY_HAND = "by hand: Keras, scikit-learn"
DATASET = "mine"
BACKBONES = ("vgg16", "vgg16-224")  # others may lack weights


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


def scored(data: Replicates, split: int) -> np.ndarray:
    """Return the rows of the images that a split selects or is scored on."""
    return data.validation[data.of([split]).own_places[0]]


class ByHand:
    """The scripts of a user, with what they read."""

    def __init__(self, about: Study, threads: int) -> None:
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        self.about, self.keras, self.tf = about, keras, tf

    def data(self, fraction: str, backbone: str = FROM_SCRATCH) -> Replicates:
        """Return the splits of a fraction, with all images as a backbone gets them."""
        images = jobs.images_by_backbone(self.about, DATASET)[backbone]
        files = self.about.paths.samples, self.about.paths.validation_roles
        others = [file.format(dataset=DATASET, fraction=fraction) for file in files]
        return read_replicates(images, *others)

    def vgg16(self, side: int) -> Any:
        """Return VGG16 with its weights."""
        return keras_vgg16(CHECKOUT / self.about.paths.vgg16_weights, side)

    def outputs(self, model: Any, images: np.ndarray) -> np.ndarray:
        """Return what a part of VGG16 makes of images, by `predict`."""
        preprocess = self.keras.applications.vgg16.preprocess_input
        return model.predict(preprocess(images.astype(np.float32)), verbose=0)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return VGG16's features, averaged over places at its own size."""
        values = self.outputs(self.vgg16(images.shape[1]), images)
        if images.shape[1] == 224:
            return values.mean(axis=(1, 2))
        return values.reshape(len(images), -1)

    def fitted(
        self,
        layers: Sequence,
        inputs: np.ndarray,
        labels: np.ndarray,
        rate: float,
        updates: int,
        change: Callable | None = None,
    ) -> Any:
        """Train a network with `fit`, and return it."""
        heads, tf = self.about.heads, self.tf
        model = self.keras.Sequential(layers)
        # Keras' own choice, XLA, took as long.
        adam = self.keras.optimizers.Adam(rate)
        model.compile(adam, "sparse_categorical_crossentropy", jit_compile=False)
        epochs = -(-updates // -(-len(inputs) // heads.batch_size))
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

    def updates_of_ours(self) -> dict[tuple, dict[float, int]]:
        """Return our updates by learning rate, by method, backbone, fraction and split."""
        runs = pd.read_parquet(self.about.paths.table("runs.parquet"))
        runs = runs.astype({"method": str, "backbone": str})
        runs["fraction"] = runs["fraction"].map(format_number)
        names = ["method", "backbone", "fraction", "replicate"]
        return {
            of: own.set_index("learning_rate")["updates"].to_dict()
            for of, own in runs.groupby(names)
        }

    def from_scratch(
        self, data: Replicates, split: int, change: Callable | None, rate: float, updates: int
    ) -> None:
        """Train the network of one convolution, and let it name the classes."""
        model = self.fitted(
            keras_network(study.network(self.about), data.classes, self.about.heads.l2),
            data.features[data.samples[split]],
            data.labels[data.samples[split]],
            rate,
            updates,
            change,
        )
        model.predict(data.features[scored(data, split)], verbose=0)

    def head(
        self, inputs: np.ndarray, labels: np.ndarray, rate: float, updates: int, classes: int
    ) -> Any:
        """Train a head and return it."""
        layers, activation = self.about.heads.layers[0], self.about.heads.activations[0]
        return self.fitted(self.dense(layers, activation, classes), inputs, labels, rate, updates)

    def heads(
        self, features: np.ndarray, data: Replicates, split: int, updates: dict[float, int]
    ) -> tuple[float, Any]:
        """Train heads at each rate; return the best rate, and its head."""
        sample, validation = data.samples[split], scored(data, split)
        chosen = np.isin(validation, data.validation[data.selection[split]])
        trained = {}
        for rate, length in updates.items():
            model = self.head(features[sample], data.labels[sample], rate, length, data.classes)
            named = model.predict(features[validation], verbose=0).argmax(axis=1)
            trained[(named == data.labels[validation])[chosen].mean(), rate] = model
        (_, best), model = max(trained.items(), key=lambda each: each[0])
        return best, model

    def refits(
        self,
        features: np.ndarray,
        copies: np.ndarray,
        data: Replicates,
        split: int,
        rate: float,
        updates: Sequence[int],
    ) -> None:
        """Train a head with augmented copies, and one for as long without."""
        sample = data.samples[split]
        labels = data.labels[sample]
        more = np.concatenate([features[sample], *copies[:, sample]])
        for inputs, length in zip((more, features[sample]), updates, strict=True):
            of_all = np.concatenate([labels] * (len(inputs) // len(sample)))
            model = self.head(inputs, of_all, rate, length, data.classes)
            model.predict(features[scored(data, split)], verbose=0)

    def fine_tuned(
        self, between: np.ndarray, head: Any, data: Replicates, split: int, updates: int
    ) -> None:
        """Train the last block of VGG16 with a head, and let them name the classes."""
        network = self.vgg16(data.features.shape[1])
        upper = self.keras.Model(network.get_layer("block5_conv1").input, network.output)
        sample = data.samples[split]
        (rate,) = self.about.fine_tuning.learning_rates
        layers = [upper, self.keras.layers.Flatten(), *head.layers]
        model = self.fitted(layers, between[sample], data.labels[sample], rate, updates)
        model.predict(between[scored(data, split)], verbose=0)

    def probes(self, features: np.ndarray, data: Replicates, split: int) -> None:
        """Fit a logistic regression per penalty."""
        from sklearn.linear_model import LogisticRegression

        sample, validation = data.samples[split], scored(data, split)
        inputs = features / np.sqrt(np.mean(np.square(features[sample])))
        for l2 in self.about.linear_probe.l2:
            probe = LogisticRegression(C=1 / (l2 * len(sample)), max_iter=1000)
            probe.fit(inputs[sample], data.labels[sample]).predict_proba(inputs[validation])

    def run(self, splits: int) -> float:
        """Train some of the splits; return the seconds that all would take."""
        begun = time.perf_counter()
        change = random_layers(self.about.augmentation.settings())
        fractions, updates = self.about.fraction_names(), self.updates_of_ours()
        pictures = self.data(fractions[0]).features  # all images, at every fraction
        features = {
            name: self.features(self.data(fractions[0], name).features) for name in BACKBONES
        }
        copies = np.stack(
            [
                self.features(np.asarray(change(pictures.astype(np.float32), training=True)))
                for _ in range(self.about.transfer_augmented.copies)
            ]
        )
        network = self.vgg16(pictures.shape[1])
        lower = self.keras.Model(network.input, network.get_layer("block5_conv1").input)
        between = self.outputs(lower, pictures)
        once, begun = time.perf_counter() - begun, time.perf_counter()
        for fraction in fractions:
            data = self.data(fraction)
            for split in range(splits):
                self.keras.backend.clear_session()
                for method, augmentation in ((BASELINE, None), (AUGMENTATION, change)):
                    ((rate, length),) = updates[method, FROM_SCRATCH, fraction, split].items()
                    self.from_scratch(data, split, augmentation, rate, length)
                for name in BACKBONES:
                    self.probes(features[name], data, split)
                    place = name, fraction, split
                    rate, head = self.heads(features[name], data, split, updates[TRANSFER, *place])
                    if (TRANSFER_AUGMENTED, *place) in updates:
                        lengths = [
                            *updates[TRANSFER_AUGMENTED, *place].values(),
                            *updates[TRANSFER_EXTENDED, *place].values(),
                        ]
                        self.refits(features[name], copies, data, split, rate, lengths)
                    for length in updates.get((FINE_TUNING, *place), {}).values():
                        self.fine_tuned(between, head, data, split, length)
        return once + (time.perf_counter() - begun) / splits * len(data.samples)


def by_hand(config: Path, splits: int, threads: int) -> Callable[[int], Timed]:
    """Prepare the user's script."""
    scripts = ByHand(load(yaml.safe_load(config.read_text())), threads)
    return lambda number: Timed(None, scripts.run(splits))


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--splits", type=int, default=1, help="splits that are trained by hand")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    results = WORK / "by-hand"
    config = yaml.safe_load((CHECKOUT / "workflow/studies/own.yaml").read_text())
    folder = make_folder(options.images)
    config |= {
        "results": str(results),
        "datasets": {DATASET: {"source": "folder", "path": str(folder)}},
        "backbones": {name: config["backbones"][name] for name in BACKBONES},
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
    images = len(store.read_index(about.paths.images.format(dataset=DATASET)))
    return (
        f"{images} photographs of solar cells as one's own, on {options.threads} cores; rounds: "
        f"{options.rounds}. Ours is everything from the folder to the report and the model. By "
        f"hand are features, networks, heads, fine-tuning and probes alone: {options.splits} of "
        f"{about.cross_fitting.splits} splits, extrapolated to all.\n\n"
        + side_by_side.times(race, OURS, digits=0)
    )


if __name__ == "__main__":
    print(main())
