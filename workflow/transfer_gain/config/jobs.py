"""Which jobs a study has: each is the wildcards of what it makes, in the config's order."""

import math
from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from transfer_gain.names import BASELINE, FINE_TUNING, FROM_SCRATCH, HELD_OUT, PROTOCOLS

if TYPE_CHECKING:
    from transfer_gain.config.study import Study

Job = dict[str, Any]

# About so many runs of a configuration from scratch, or of fine-tuning, are trained by one job.
# Cross-fitting has 12, which the first answer waits for: two jobs use two cores.
RUNS_AT_ONCE = 10


def fill(pattern: str, jobs: Iterable[Mapping[str, Any]], **wanted: Any) -> list[str]:
    """Fill in a pattern for those of some jobs that have the wanted wildcards, each path once."""
    paths = (
        pattern.format(**job)
        for job in jobs
        if all(job[name] == value for name, value in wanted.items())
    )
    return [*dict.fromkeys(paths)]


def transfer_datasets(study: "Study") -> list[str]:
    """Return the datasets of the transfer study; others are only compared with."""
    return [dataset.name for dataset in study.transfer_datasets()]


def trained_backbones(study: "Study") -> list[str]:
    """Return the backbones that have something to transfer; random weights are a control."""
    return [name for name, backbone in study.backbones.items() if backbone.is_trained]


def models(study: "Study") -> list[str]:
    """Return the datasets of which a model is made."""
    return [each.name for each in study.transfer_datasets() if each.few_images]


def unlabelled(study: "Study") -> dict[str, str]:
    """Return the datasets with unlabelled images, each with the path of these."""
    paths = {each.name: getattr(each, "unlabelled", None) for each in study.transfer_datasets()}
    return {name: path for name, path in paths.items() if path}


def selections(study: "Study") -> list[Job]:
    """Return the places where a head is selected: dataset, backbone and fraction."""
    return [
        {"dataset": dataset, "backbone": backbone, "fraction": fraction}
        for dataset, backbone in product(transfer_datasets(study), study.backbones)
        for fraction in study.fraction_names(backbone)
    ]


def heads_of(study: "Study", selection: Mapping[str, str]) -> list[Job]:
    """Return the heads that one is selected from: every configuration at one place."""
    return [
        {**selection, **configuration, "epochs": study.heads.epochs}
        for configuration in study.heads.configurations()
    ]


def heads(study: "Study") -> list[Job]:
    """Return every head of the grid."""
    return [head for selection in selections(study) for head in heads_of(study, selection)]


def long_runs(study: "Study") -> list[Job]:
    """Return the selected heads that are trained once more for longer."""
    return [
        {"dataset": dataset, "backbone": backbone, "fraction": fraction, "protocol": protocol}
        | {"epochs": study.long_runs.epochs}
        for dataset, backbone in product(transfer_datasets(study), trained_backbones(study))
        for fraction in study.fraction_names(backbone)
        for protocol in PROTOCOLS
        if float(fraction) in study.long_runs.fractions
    ]


def from_scratch(study: "Study", method: str) -> list[Job]:
    """Return the networks that a method trains from scratch: by fraction, rate and part of runs."""
    return [
        {"dataset": dataset, "method": method, "fraction": fraction, "learning_rate": rate}
        | {"epochs": study.heads.epochs, "part": part}
        for dataset in transfer_datasets(study)
        for fraction in study.scratch_fractions()[method]
        for rate in study.learning_rates(method, fraction)
        for part in parts_of_runs(study, dataset, fraction)
    ]


def parts_of_runs(study: "Study", dataset: str, fraction: str) -> list[str]:
    """Return the names of the parts in which runs from scratch, or fine-tuning, are trained.

    Images that come with a split are not cross-fitted, which only reading them shows. So there are
    no more parts than replicates.
    """
    count = math.ceil(study.runs_of(dataset, fraction) / RUNS_AT_ONCE)
    count = min(count, study.replicates(fraction))
    return [f"{number}-of-{count}" for number in range(1, count + 1)]


def refits(study: "Study", method: str) -> list[Job]:
    """Return the selected heads that a method trains another way.

    The 2018 paper's protocol takes as long again. It is left out of fine-tuning, and of datasets
    that are cross-fitted unless they come with a split.
    """

    def protocols(dataset: str) -> tuple[str, ...]:
        left_out = method == FINE_TUNING or study.datasets[dataset].is_cross_fitted
        return (HELD_OUT,) if left_out else PROTOCOLS

    return [
        {"dataset": dataset, "backbone": backbone, "fraction": fraction, "method": method}
        | {"protocol": protocol}
        for dataset, backbone in product(transfer_datasets(study), trained_backbones(study))
        for fraction in study.refit_fractions(method, backbone)
        for protocol in protocols(dataset)
    ]


def fine_tuned(study: "Study") -> list[Job]:
    """Return the backbones and heads that are fine-tuned: as `refits`, by part of runs."""
    return [
        {**refit, "part": part}
        for refit in refits(study, FINE_TUNING)
        for part in parts_of_runs(study, refit["dataset"], refit["fraction"])
    ]


def fraction_of_copies(study: "Study", backbone: str, fraction: str) -> str:
    """Return the fraction in whose file a refit finds the augmented copies of its sample.

    An image has the same copies at every fraction, and fraction 1 has all images: if copies of it
    are extracted, they serve the others.
    """
    refitted = study.fraction_names(backbone, study.transfer_augmented.max_fraction)
    return "1" if "1" in refitted else fraction


def on_features(study: "Study", max_fraction: float = 1) -> list[Job]:
    """Return the places, up to a fraction, where a method is fitted to trained features."""
    return [
        {"dataset": dataset, "backbone": backbone, "fraction": fraction}
        for dataset, backbone in product(transfer_datasets(study), trained_backbones(study))
        for fraction in study.fraction_names(backbone, max_fraction)
    ]


def first_answers(study: "Study") -> list[Job]:
    """Return what is trained for a first answer, per dataset of few images and part of runs.

    It compares the linear probe on the first trained backbone with training from scratch at a
    single learning rate, the middle one, at the largest fraction of the probe. The full study needs
    both jobs. There is none without a probe.
    """
    answers = []
    for dataset in models(study):
        probes = [
            job
            for job in on_features(study, study.linear_probe.max_fraction)
            if job["dataset"] == dataset
        ]
        if not probes:
            continue
        largest = max((job["fraction"] for job in probes), key=float)
        probe = next(job for job in probes if job["fraction"] == largest)
        rates = sorted(study.learning_rates(BASELINE, largest), key=float)
        network = {"learning_rate": rates[len(rates) // 2], "epochs": study.heads.epochs}
        answers += [
            {**probe, "method": BASELINE, **network, "part": part}
            for part in parts_of_runs(study, dataset, largest)
        ]
    return answers


def is_part_of(wildcards: Mapping[str, str], answers: Iterable[Job]) -> bool:
    """Tell whether one of some first answers agrees with wildcards in all names of both."""
    return any(
        all(str(answer.get(name, value)) == value for name, value in wildcards.items())
        for answer in answers
    )


def images_of(study: "Study", dataset: str, backbone: str) -> str:
    """Return the file of images that pass through a backbone."""
    size = study.stored_size(dataset, backbone)
    larger = size > study.datasets[dataset].image_size
    pattern = study.paths.larger_images if larger else study.paths.images
    return pattern.format(dataset=dataset, size=size)


def images_by_backbone(study: "Study", dataset: str) -> dict[str, str]:
    """Return the file of images that each trained backbone gets, and training from scratch."""
    return {FROM_SCRATCH: study.paths.images.format(dataset=dataset)} | {
        backbone: images_of(study, dataset, backbone) for backbone in trained_backbones(study)
    }


def larger_images(study: "Study") -> list[Job]:
    """Return the images that are stored at a larger size as well, for a backbone."""
    return [
        {"dataset": dataset, "size": size}
        for dataset, sizes in larger_sizes(study).items()
        for size in sizes
    ]


def larger_sizes(study: "Study") -> dict[str, list[int]]:
    """Return the sizes above `image_size` at which backbones see a dataset's images."""
    sizes: dict[str, dict[int, None]] = {}
    for dataset, backbone in product(transfer_datasets(study), study.backbones):
        size = study.stored_size(dataset, backbone)
        if size > study.datasets[dataset].image_size:
            sizes.setdefault(dataset, {})[size] = None
    return {dataset: list(own) for dataset, own in sizes.items()}


def ranked(study: "Study") -> list[Job]:
    """Return the backbones that are ranked before anything is trained: all trained ones.

    They are compared at the largest fraction that all of them have; a single one is not ranked.
    """
    backbones = trained_backbones(study)
    if len(backbones) < 2:
        return []
    every = [study.fraction_names(name) for name in backbones]
    shared = [name for name in study.fraction_names() if all(name in names for names in every)]
    if not shared:
        return []
    fraction = max(shared, key=float)
    return [
        {"dataset": dataset, "backbone": backbone, "fraction": fraction}
        for dataset, backbone in product(transfer_datasets(study), backbones)
    ]


def features_by_backbone(study: "Study", dataset: str) -> dict[str, str]:
    """Return the file of a dataset's features from each trained backbone."""
    return {
        backbone: study.paths.features.format(dataset=dataset, backbone=backbone)
        for backbone in trained_backbones(study)
    }


def samples_passed(study: "Study", dataset: str, backbone: str) -> list[str]:
    """Return the samples that limit which images pass through a backbone; none if all do.

    Of a dataset of few images all do, since its model is trained on them.
    """
    fractions = study.fraction_names(backbone)
    if "1" in fractions or study.datasets[dataset].few_images:
        return []
    return [study.paths.samples.format(dataset=dataset, fraction=name) for name in fractions]


def one_shot_names(study: "Study", wildcards: Mapping[str, str]) -> Job:
    """Return the values that name the rows of an approach to one-shot learning.

    Args:
        study: a study with one-shot learning.
        wildcards: the job's, `approach` among them.
    """
    one_shot = study.one_shot
    assert one_shot is not None
    return {
        **wildcards,
        "trained_on": one_shot.approaches[wildcards["approach"]],
        "tested_on": one_shot.target,
        "backbone": one_shot.backbone,
    }
