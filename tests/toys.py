"""Small data with a known structure, for the tests of what learns from it."""

import numpy as np
import pandas as pd

from transfer_gain.data.replicates import Replicates
from transfer_gain.few_shot import inputs

# Training from scratch.
NETWORK = {
    "filters": 4,
    "kernel": 3,
    "stride": 1,
    "pooling": 3,
    "units": [6],
    "activation": "relu",
}
SETTINGS = {
    "network": NETWORK,
    "learning_rate": 0.01,
    "batch_size": 5,
    "epochs": 3,
    "min_updates": 0,
    "l2": 0.01,
    "seed_names": (2018, "toy", "0.1"),
}


def in_every_replicate(selection: np.ndarray, replicates: int) -> dict[str, np.ndarray]:
    """Roles of images, bool (images,), that are the same in every replicate, for `Replicates`."""
    return {
        "selection": np.tile(selection, (replicates, 1)),
        "test": np.tile(~selection, (replicates, 1)),
        "image_ids": np.array([f"image {number}" for number in range(len(selection))]),
    }


def of_cross_fitting(data: Replicates) -> Replicates:
    """Three replicates of a split each: a fold of five selects, the next one is scored."""
    fold = np.arange(len(data.validation)) % 5
    return data._replace(
        selection=np.stack([fold == number for number in range(3)]),
        test=np.stack([fold == number + 1 for number in range(3)]),
    )


def assert_scored_on_its_own(runs: pd.DataFrame, made: pd.DataFrame, shared: pd.DataFrame) -> None:
    """Predictions for the images of a split are those of a run that is scored on all of them."""
    data = of_cross_fitting(clouds())
    names = ["replicate", "image_id"]
    used = [
        (replicate, image)
        for replicate, roles in enumerate(data.selection | data.test)
        for image in data.image_ids[roles]
    ]
    expected = pd.DataFrame(used, columns=names).merge(shared, on=names, validate="one_to_one")
    assert len(expected) == len(used) == 13 + 12 + 12
    pd.testing.assert_frame_equal(
        made.reset_index(drop=True), expected[list(made)], check_dtype=False, rtol=2e-3
    )
    for run in runs.itertuples():
        of_test = expected[
            (expected["replicate"] == run.replicate)
            & expected["image_id"].isin(data.image_ids[data.test[run.replicate]])
        ]
        assert run.test_accuracy == (of_test["predicted"] == of_test["label"]).mean()


def clouds(
    replicates: int = 3,
    images: int = 23,
    *,
    classes: int = 3,
    width: int = 12,
    validation: int = 31,
    distance: float = 1.0,
    scale: float = 1.0,
    permuted: bool = False,
) -> Replicates:
    """Clouds of points, one a class; every replicate samples the same pool of 60 a class."""
    rng = np.random.default_rng(3)
    pool = 60 * classes
    labels = (np.arange(pool + validation) % classes).astype(np.int32)
    centres = distance * rng.normal(size=(classes, width))
    features = scale * (centres[labels] + rng.normal(size=(len(labels), width)))
    return Replicates(
        features=features.astype(np.float32),
        labels=rng.permutation(labels) if permuted else labels,
        samples=np.stack([rng.permutation(pool)[:images] for _ in range(replicates)]),
        validation=np.arange(pool, len(labels)),
        **in_every_replicate(np.arange(validation) % 3 == 0, replicates),
        classes=classes,
    )


def one_shot_data(
    features: np.ndarray,
    labels: np.ndarray,
    replicates: int,
    *,
    tasks: int,
    queries: int,
    episodes: int,
) -> inputs.Data:
    """Return data that is tested on what it is trained on, by 4-way 1-shot episodes."""
    ids = np.arange(len(labels)).astype(str)
    pool = inputs.Pool(features, labels, ids, {"unseen": np.unique(labels)}, np.arange(len(labels)))
    few_shot = {"ways": (4,), "shots": (1,), "queries": queries, "episodes": episodes}
    evaluations = [
        inputs.draw_evaluation(pool, tasks, few_shot, (7, replicate))
        for replicate in range(replicates)
    ]
    return inputs.Data(features, labels, [pool] * replicates, evaluations)


def make_pictures(
    replicates: int = 2,
    images: int = 13,
    *,
    classes: int = 3,
    validation: int = 30,
    brightness: int = 120,
    permuted: bool = False,
) -> Replicates:
    """Noise of 9 by 9 pixels with a square, whose place is the class, that is brighter."""
    rng = np.random.default_rng(7)
    pool = 60 * classes
    labels = (np.arange(pool + validation) % classes).astype(np.int32)
    pixels = rng.integers(0, 130, (len(labels), 9, 9, 1))
    for label in range(classes):
        row, column = 3 * (label // 3), 3 * (label % 3)
        pixels[labels == label, row : row + 3, column : column + 3] += brightness
    return Replicates(
        features=pixels.astype(np.uint8),
        labels=rng.permutation(labels) if permuted else labels,
        samples=np.stack([rng.permutation(pool)[:images] for _ in range(replicates)]),
        validation=np.arange(pool, len(labels)),
        **in_every_replicate(np.arange(validation) % 2 == 0, replicates),
        classes=classes,
    )


def picture_rows(rows: int, size: int, channels: int = 1) -> np.ndarray:
    """Smooth pictures, as real ones are, all different."""
    rng = np.random.default_rng(rows + size)
    coarse = rng.integers(0, 256, (rows, 4, 4, channels)).astype(float)
    scale = -(-size // 4)
    pixels = coarse.repeat(scale, axis=1).repeat(scale, axis=2)[:, :size, :size]
    return np.clip(pixels + rng.normal(0, 10, pixels.shape), 0, 255).astype(np.uint8)
