"""The Siamese network, first approach: on stored features, and end to end through VGG16.

The 2018 paper passes every pair through the frozen VGG16 whenever it is trained on or compared.
This is timed on a few pairs, separately for a training step and a comparison, and extrapolated.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import side_by_side
from side_by_side import Contestant
from transfer_gain.few_shot import inputs
from transfer_gain.few_shot.tasks import (
    CANDIDATES,
    TASKS_2018,
    UNSEEN,
    Episodes,
    Tasks,
    draw_episodes,
    draw_tasks,
)

SIDE, FEATURES, CLASSES, PER_CLASS = 64, 2048, 7, 900
EPOCHS, BATCH = 20, 36
OURS = "transfer-gain, on stored features"


def pool(rng: np.random.Generator) -> inputs.Data:
    """Draw features and tasks as in the first approach: 3 classes train, the 4 others test.

    The values of the features do not affect the time.
    """
    train, test = np.repeat(np.arange(3), PER_CLASS), np.repeat(np.arange(3, CLASSES), 300)
    tasks = Tasks(*draw_tasks(test, TASKS_2018, rng))
    values = [np.maximum(rng.normal(-1, 1, (len(rows), FEATURES)), 0) for rows in (train, test)]
    images = inputs.Pool(
        values[1].astype(np.float32),
        test.astype(np.int32),
        np.arange(len(test)).astype(str),
        {UNSEEN: np.arange(3, CLASSES)},
    )
    episodes = Episodes(*draw_episodes(test, 4, 1, 15, 10, rng))
    evaluation = inputs.Evaluation({UNSEEN: tasks}, {(UNSEEN, 4, 1): episodes})
    return inputs.Data(values[0].astype(np.float32), train.astype(np.int32), [images], [evaluation])


def ours(threads: int) -> Callable[[int], pd.DataFrame]:
    """Prepare our training: 20 batches of 36 pairs, with 320 tasks after each."""
    from transfer_gain.few_shot import siamese_training
    from transfer_gain.training import devices

    devices.configure(gpu=False, calls=1)
    data = pool(np.random.default_rng(0))
    settings = {
        "batch_size": BATCH,
        "epochs": EPOCHS,
        "batches_per_epoch": 1,
        "learning_rate": 1e-3,
        "l2": 1e-4,
    }
    return lambda number: siamese_training.train(data, **settings, seed_names=(0, "a", "b", "c"))[0]


def end_to_end(weights: Path, pairs: int, training: bool, threads: int) -> Callable[[int], None]:
    """Prepare Keras from images to probability: training steps or comparisons of some pairs."""
    import keras
    import tensorflow as tf

    from transfer_gain.features import keras_networks

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    vgg16 = keras_networks.build("VGG16", weights, "block5_pool", SIDE, "float32")
    dense = keras.layers.Dense(4096, "sigmoid", kernel_regularizer=keras.regularizers.L2(1e-4))
    inputs = [keras.Input((SIDE, SIDE, 3)) for _ in range(2)]
    left, right = (dense(keras.layers.Flatten()(vgg16(one, training=False))) for one in inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(keras.ops.abs(left - right)))
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    rng = np.random.default_rng(0)
    images = [rng.uniform(0, 255, (pairs, SIDE, SIDE, 3)).astype(np.float32) for _ in range(2)]
    same = np.arange(pairs) % 2

    def run(number: int) -> None:
        if training:
            model.fit(images, same, batch_size=BATCH, verbose=0)
        else:
            model.predict(images, verbose=0)

    return run


def extraction(weights: Path, images: int, threads: int) -> Callable[[int], None]:
    """Prepare our extraction of the features of some images, float32."""
    import features

    pictures = np.random.default_rng(0).integers(0, 256, (1, images, SIDE, SIDE, 1), np.uint8)
    run = features.ours(pictures, weights, "float32", threads)
    return lambda number: run(0) is None


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the contestants and return the section of the README."""
    import study

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=4 * BATCH, help="that are timed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    pairs, threads = options.pairs, options.threads
    config, about = study.save(study.clothes(60, fractions=[1]), "siamese")
    study.snakemake(config, threads, about.paths.vgg16_weights)
    weights = side_by_side.CHECKOUT / about.paths.vgg16_weights
    contestants = [
        Contestant(OURS, ours, (threads,)),
        Contestant("extraction", extraction, (weights, 2 * pairs, threads)),
        Contestant("steps", end_to_end, (weights, pairs, True, threads)),
        Contestant("comparisons", end_to_end, (weights, pairs, False, threads)),
    ]
    race = side_by_side.race(contestants, options.rounds, threads)
    seconds = race.seconds
    trained, compared = EPOCHS * BATCH, (EPOCHS + 1) * TASKS_2018 * CANDIDATES
    whole = [
        (step * trained + comparison * compared) / pairs
        for step, comparison in zip(seconds["steps"], seconds["comparisons"], strict=True)
    ]
    images = 3 * PER_CLASS + 4 * 300
    once = [
        own + each * images / (2 * pairs)
        for own, each in zip(seconds[OURS], seconds["extraction"], strict=True)
    ]
    rows = [
        [name, side_by_side.spread(some, 1), side_by_side.ratio(whole, some)]
        for name, some in (
            (OURS, seconds[OURS]),
            (f"the same, {images:,} images' features extracted first (float32)", once),
        )
    ]
    each = statistics.median(seconds["comparisons"]) / pairs
    return (
        f"{EPOCHS} batches of {BATCH} pairs; {TASKS_2018} tasks of {CANDIDATES} pairs before and "
        f"after each: {trained:,} pairs trained on and {compared:,} compared, one replicate; "
        f"{options.rounds} rounds. Keras end to end is extrapolated from {pairs} pairs, "
        f"{1000 * each:.1f} ms per comparison with {threads} threads; ours uses one thread, and "
        f"{threads} for the extraction. Features are drawn at random.\n\n"
        + side_by_side.table(["", "seconds", "end to end / this"], rows)
        + f"\n\nEnd to end, extrapolated: {side_by_side.spread(whole, 0)} s."
        + side_by_side.not_run(race.failed)
    )


if __name__ == "__main__":
    print(main())
