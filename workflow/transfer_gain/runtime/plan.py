"""The plan of a run in words: how many jobs it has, and roughly how long they take."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_gain.config.jobs import parts_of_runs, samples_passed
from transfer_gain.methods.records import METHODS
from transfer_gain.names import BASELINE_2018
from transfer_gain.runtime import network_work

if TYPE_CHECKING:
    from transfer_gain.config.backbones import Backbone
    from transfer_gain.config.datasets import Dataset
    from transfer_gain.config.study import Study
    from transfer_gain.config.training import FineTuning, Heads

# By rule: fixed seconds per job on one core, and microseconds per image that the job trains on or
# passes through the backbone. These are orders of magnitude, measured on one machine with small
# networks and a launcher that had imported TensorFlow. `learned` replaces them by this machine's.
STARTED = 1
Costs = Mapping[str, tuple[float, float]]
# By rule: share of their updates that runs make if they may end early, of datasets between easy and
# hard ones (docs/methods.md; with 400 solar cells, networks from scratch make 0.8, with 2,000 all).
UNTIL_FITTED = {"train_head": 0.2, "train_from_scratch": 0.7}
# Decoding takes about 20 ms a megabyte (a JPEG of 12 megapixels 40 ms), which is that of so many
# of the images that `make_images` is reckoned by.
IMAGES_PER_MEGABYTE = 10
COSTS: Costs = {
    "fetch_fashion_mnist": (20, 0),
    "fetch_vgg16_weights": (60, 0),
    "fetch_solar_cells": (30, 0),
    "make_images": (2, 2000),
    "make_larger_images": (2, 4000),
    "extract_features": (2, 15000),
    "extract_shard": (2, 15000),
    "extract_copies": (2, 15000),
    "extract_unlabelled": (6, 16000),
    "replay_labels": (30, 0),
    "train_selected_head": (1, 150),
    "train_model": (20, 2000),
    "train_siamese": (110, 0),
    "train_embedding": (5, 0),
    "evaluate_distances": (2, 0),
} | {method.rule: method.cost for method in METHODS if method.rule}


def learned(measured: Iterable[tuple[str, float, Path | str]]) -> Costs:
    """Return costs as this machine has shown them; those of `COSTS` for rules that it never ran.

    A rule's costs are scaled by the time that its jobs took in relation to the time planned. They
    are off for a run with other settings than before, such as a new number of updates.

    Args:
        measured: rule, images seen and benchmark file of each job. Files that are missing, or that
            are not benchmarks, are passed over.
    """
    took: dict[str, float] = defaultdict(float)
    planned: dict[str, float] = defaultdict(float)
    for rule, images, path in measured:
        used = _core_seconds(path)
        if used is not None and rule in COSTS:
            took[rule] += used
            planned[rule] += seconds([(rule, images)])
    ratios = {rule: took[rule] / planned[rule] for rule in took}
    scaled = {
        rule: (COSTS[rule][0] * ratio, COSTS[rule][1] * ratio) for rule, ratio in ratios.items()
    }
    return {**COSTS, **scaled}


def _core_seconds(path: Path | str) -> float | None:
    """Return the time (s) on one core from a benchmark file of `job`; None if there is none."""
    try:
        names, values = (line.split("\t") for line in Path(path).read_text().splitlines())
        return float(dict(zip(names, values, strict=True))["cpu_time"])
    except (OSError, KeyError, ValueError):
        return None


def describe(jobs: Iterable[tuple[str, float]], cores: int, costs: Costs = COSTS) -> str:
    """Say how many jobs a run has and how long it takes.

    Args:
        jobs: rule of each job, and how many images it sees, counting repeats.
        cores: number of cores that the run may use.
        costs: see `seconds`.
    """
    jobs = list(jobs)
    expected = seconds(jobs, costs) / cores
    about = f"{'very roughly ' * (expected >= 60)}{duration(expected)}"
    return (
        f"{len(jobs)} job{'s' * (len(jobs) != 1)}, {about} on {cores} core{'s' * (cores > 1)}: "
        "less on a fast machine, more on a busy one. An interrupted run resumes where it stopped."
    )


def seconds(jobs: Iterable[tuple[str, float]], costs: Costs = COSTS) -> float:
    """Return how many seconds jobs take on one core.

    Args:
        jobs: see `describe`.
        costs: seconds per job and microseconds per image, by rule.
    """
    return sum(
        start + each * images / 1e6
        for rule, images in jobs
        for start, each in [costs.get(rule, (STARTED, 0))]
    )


def images_seen(
    study: "Study",
    rule: str,
    wildcards: Mapping[str, str],
    found: int,
    shards: int = 0,
    megabytes: float = 0,
) -> float:
    """Return roughly how many images a job trains on or reads, counting repeats.

    Args:
        study: the study.
        rule: the job's rule.
        wildcards: the job's wildcards.
        found: number of files in the user's folder; 0 if there is no folder, or for an archive.
        shards: number of parts, if the job only gathers them.
        megabytes: of the user's folder or archive; 0 if there is none.
    """
    dataset = study.datasets.get(wildcards.get("dataset", ""))
    if dataset is None or rule not in COSTS:
        return 0
    if rule in ("make_images", "make_larger_images") and megabytes:
        return max(found, megabytes * IMAGES_PER_MEGABYTE)
    # The size of an archive is unknown until it is read. A quarter of the images is for validation.
    found = found or dataset.image_count or 500
    classes = dataset.class_count or 5
    training, validation = 0.75 * found, 0.25 * found
    if dataset.training_per_class is not None:
        training = classes * dataset.training_per_class
    if dataset.validation_per_class is not None:
        validation = classes * dataset.validation_per_class

    if dataset.is_cross_fitted:
        folds = study.cross_fitting.folds
        training, validation = found * (folds - 2) / folds, found * 2 / folds

    def sampled(fraction: str) -> float:
        return study.runs_of(dataset.name, fraction) * training * float(fraction)

    if "fraction" not in wildcards:
        backbone = wildcards.get("backbone", next(iter(study.backbones)))
        limited = rule.startswith("extract_") and samples_passed(study, dataset.name, backbone)
        fractions = study.fraction_names(backbone)
        images = validation + (sum(map(sampled, fractions)) if limited else training)
        images *= _work(study, wildcards)
        if rule == "extract_shard":
            return images / int(wildcards["scatteritem"].split("-of-")[1])
        return images / 1000 if shards else images  # gathering only copies
    fraction = wildcards["fraction"]
    if rule == "extract_copies":
        # An image has the same copies in all samples.
        images = min(sampled(fraction), training + validation)
        return images * study.transfer_augmented.copies * _work(study, wildcards)
    if rule == "fit_probes":
        return sampled(fraction)
    length: Heads | FineTuning = study.heads
    times = 1
    if rule == "fine_tune":
        length, times = study.fine_tuning, len(study.fine_tuning.learning_rates)
    updates = length.min_updates * study.heads.batch_size
    runs = study.runs_of(dataset.name, fraction)
    seen = times * max(length.epochs * sampled(fraction), runs * updates)
    if study.heads.stop_at_train_loss and wildcards.get("method") != BASELINE_2018:
        seen *= UNTIL_FITTED.get(rule, 1)
    if "backbone" not in wildcards and "method" in wildcards:
        seen *= _pixels(dataset)
    elif rule != "fine_tune":
        return seen
    return seen / len(parts_of_runs(study, dataset.name, fraction))


def _work(study: "Study", wildcards: Mapping[str, str]) -> float:
    """Return how many times as long as 64 pixels through VGG16 an image takes in a backbone."""
    if "backbone" not in wildcards:
        return 1
    backbone = study.backbones[wildcards["backbone"]]
    if is_known(backbone):
        return network_work.relative(backbone.architecture, backbone.input_size)
    return (backbone.input_size / 64) ** 2


def is_known(backbone: "Backbone") -> bool:
    """Return whether it is known how long an image takes in a backbone; of files it is not."""
    return backbone.architecture in network_work.MULTIPLICATIONS


def _pixels(dataset: "Dataset") -> float:
    """Return how much longer than one of 64 gray pixels a side an image takes from scratch."""
    values = dataset.image_size**2 * (3 if dataset.channels == "rgb" else 1)
    return (1 + values / 64**2) / 2


def head_megabytes(fraction: str) -> int:
    """Return the memory (MB) for training on the features of a fraction of the images."""
    return 1500 + int(2500 * float(fraction))


def duration(seconds: float) -> str:
    """Return a rough time: "under a minute", "12 minutes", "3 hours"."""
    if seconds < 60:
        return "under a minute"
    if seconds < 120:
        return "a minute or two"
    minutes = seconds / 60
    if minutes < 90:
        return f"{_rough(minutes)} minutes"
    return f"{_rough(minutes / 60)} hours"


def _rough(value: float) -> str:
    """Return a number to one digit, or two below 20."""
    return f"{value:.0f}" if value < 20 else f"{round(value, -1):.0f}"
