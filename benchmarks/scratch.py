"""One epoch of the baseline with augmentation, compared with Keras and PyTorch.

All train the same small network on the same images in batches of 50. Each batch is rotated,
shifted, zoomed, sheared and mirrored at random. Our epoch is timed within a run of the workflow. It
includes its share of drawing the random changes, which are drawn for all epochs at once. Work that
is done once per run (tracing, scoring) is left out for all.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

import side_by_side
import study
from side_by_side import CHECKOUT, Contestant, Timed
from transfer_gain.data.replicates import Replicates, read_replicates

if TYPE_CHECKING:
    import keras

OURS = "transfer-gain"
BATCH = 50


def ours(data: Replicates, settings: dict, threads: int) -> Callable[[int], Timed]:
    """Prepare our training: it times the second of two epochs, and half of the drawing."""
    from transfer_gain import schedule
    from transfer_gain.data import augmentation
    from transfer_gain.methods import scratch
    from transfer_gain.training import devices, loop

    devices.configure(gpu=False, calls=1)
    fit, draw, seconds, drawing = loop.fit, augmentation.draw_transforms, [], []

    def timed_draw(*arguments: object, **ranges: float) -> np.ndarray:
        begun = time.perf_counter()
        drawn = draw(*arguments, **ranges)
        drawing.append(time.perf_counter() - begun)
        return drawn

    def timed_fit(*arguments: object, **options: object) -> Iterator[int]:
        updates = fit(*arguments, **options)
        seconds.clear()
        while True:
            begun = time.perf_counter()
            done = next(updates, None)
            if done is None:
                return
            if done > updates_an_epoch:
                seconds.append(time.perf_counter() - begun)
            yield done

    loop.fit, augmentation.draw_transforms = timed_fit, timed_draw
    updates_an_epoch = -(-data.samples.shape[1] // BATCH)
    few = data._replace(
        validation=data.validation[:2],
        selection=np.array([[True, False]]),
        test=np.array([[False, True]]),
        image_ids=data.image_ids[:2],
    )

    def run(number: int) -> Timed:
        scratch.train(few, **settings, evaluate=schedule.EVERY_EPOCH)
        return Timed(None, sum(seconds) + drawing[-1] / settings["epochs"])

    return run


def random_layers(ranges: dict) -> "keras.Sequential":
    """Return Keras' random layers with a study's ranges of augmentation."""
    import keras

    turn, shift, zoom = ranges["rotation"] / 360, ranges["shift"], ranges["zoom"]
    shear = float(np.tan(np.radians(ranges["shear"])))
    layers, edge = keras.layers, {"fill_mode": "nearest"}
    return keras.Sequential(
        [
            layers.RandomRotation(turn, **edge),
            layers.RandomTranslation(shift, shift, **edge),
            layers.RandomZoom(zoom, **edge),
            layers.RandomShear(shear, **edge),
            layers.RandomFlip("horizontal"),
        ]
    )


def keras_network(network: dict, classes: int, l2: float) -> list["keras.Layer"]:
    """Return the layers of a study's network of one convolution (see `study.network`)."""
    from keras import layers, regularizers

    penalty = {"kernel_regularizer": regularizers.L2(l2)}
    kernel = {"strides": network["stride"], "padding": "same", "activation": network["activation"]}
    return [
        layers.Rescaling(1 / 255),
        layers.Conv2D(network["filters"], network["kernel"], **kernel, **penalty),
        layers.MaxPooling2D(network["pooling"]),
        layers.Flatten(),
        *(layers.Dense(units, network["activation"], **penalty) for units in network["units"]),
        layers.Dense(classes, "softmax", **penalty),
    ]


def keras_layers(
    data: Replicates, network: dict, ranges: dict, l2: float, in_pipeline: bool, threads: int
) -> Callable[[int], None]:
    """Prepare Keras' random layers, before the network or in a tf.data pipeline."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    augment = random_layers(ranges)
    network_layers = keras_network(network, data.classes, l2)
    model = keras.Sequential([*([] if in_pipeline else [augment]), *network_layers])
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
    rows = data.samples[0]
    images = tf.data.Dataset.from_tensor_slices((data.features[rows], data.labels[rows]))
    images = images.shuffle(len(rows)).batch(BATCH)
    if in_pipeline:
        changed = lambda some, labels: (augment(some, training=True), labels)  # noqa: E731
        images = images.map(changed, num_parallel_calls=tf.data.AUTOTUNE)
    images = images.prefetch(tf.data.AUTOTUNE)

    def run(number: int) -> None:
        model.fit(images, epochs=1, shuffle=False, verbose=0)

    return run


def torch(
    data: Replicates, network: dict, ranges: dict, l2: float, threads: int
) -> Callable[[int], None]:
    """Prepare PyTorch: affine_grid and grid_sample on a batch, as in torchvision's transforms."""
    import torch
    from torch import nn

    from transfer_gain.data.augmentation import draw_transforms

    torch.set_num_threads(threads)
    side, stride, kernel = data.features.shape[1], network["stride"], network["kernel"]
    windows = -(-side // stride) // network["pooling"]
    widths = [windows**2 * network["filters"], *network["units"]]
    model = nn.Sequential(
        nn.Conv2d(1, network["filters"], kernel, stride, padding=kernel // 2),
        nn.ReLU(),
        nn.MaxPool2d(network["pooling"]),
        nn.Flatten(),
        *(
            module
            for fan_in, fan_out in zip(widths, network["units"], strict=False)
            for module in (nn.Linear(fan_in, fan_out), nn.ReLU())
        ),
        nn.Linear(widths[-1], data.classes),
    )
    images = torch.from_numpy(data.features[data.samples[0]]).permute(0, 3, 1, 2)
    labels = torch.from_numpy(data.labels[data.samples[0]]).long()
    adam, rng = torch.optim.Adam(model.parameters(), 0.001), np.random.default_rng(0)
    kernels = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    functional = nn.functional

    def run(number: int) -> None:
        for rows in torch.randperm(len(images)).split(BATCH):
            changes = torch.from_numpy(draw_transforms(rng, len(rows), **ranges))
            batch = images[rows].float() / 255
            grid = functional.affine_grid(changes, batch.shape, align_corners=True)
            changed = functional.grid_sample(batch, grid, padding_mode="border", align_corners=True)
            loss = functional.cross_entropy(model(changed), labels[rows])
            loss = loss + l2 * sum(kernel.square().sum() for kernel in kernels)
            adam.zero_grad()
            loss.backward()
            adam.step()

    return run


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4200, help="a multiple of 7")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="our jobs have one")
    options = parser.parse_args(arguments)
    config, about = study.save(study.clothes(options.images // 7, fractions=[1]), "scratch")
    paths, names = about.paths, {"dataset": "clothes", "fraction": "1"}
    files = [each.format(**names) for each in (paths.images, paths.samples, paths.validation_roles)]
    study.snakemake(config, options.threads, *files)
    data = read_replicates(*[CHECKOUT / file for file in files])
    network, ranges = study.network(about), about.augmentation.settings()
    settings = {
        "network": network,
        "ranges": ranges,
        "learning_rate": 0.001,
        "l2": about.heads.l2,
        "batch_size": BATCH,
        "epochs": 2,
        "min_updates": 0,
        "seed_names": (about.seed, "clothes", "1"),
    }
    threads, l2 = options.threads, about.heads.l2
    contestants = [
        Contestant(OURS, ours, (data, settings, threads)),
        *(
            Contestant(
                f"Keras, random layers {where}", keras_layers, (data, network, ranges, l2, *own)
            )
            for where, own in (
                ("in the model", (False, threads)),
                ("in tf.data", (True, threads)),
            )
        ),
        Contestant(
            "PyTorch, affine_grid and grid_sample", torch, (data, network, ranges, l2, threads)
        ),
    ]
    race = side_by_side.race(contestants, options.rounds, threads)
    return (
        f"One epoch of {data.samples.shape[1]:,} images of {data.features.shape[1]} × "
        f"{data.features.shape[2]} pixels, batches of {BATCH}, {options.rounds} rounds, {threads} "
        f"core{'s' * (threads > 1)}, of which ours uses one. PyTorch runs the operations of "
        "torchvision's affine transform; torchvision itself changes one image at a time.\n\n"
        + side_by_side.times(race, OURS, "seconds per epoch")
    )


if __name__ == "__main__":
    print(main())
