"""The files of all training jobs of a study, derived from the methods' records; for rules only."""

from collections.abc import Iterator, Sequence
from itertools import groupby, product
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_gain.config import jobs
from transfer_gain.methods.records import METHODS, TRANSFER, Method
from transfer_gain.names import BY_GRADIENTS, SAME_IMAGES, TRANSFER_AUGMENTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from transfer_gain.config.one_shot import OneShot
    from transfer_gain.config.paths import Paths
    from transfer_gain.config.study import Study

CostRow = tuple[str, str, str, str, str, str]  # see `evaluation.tables.COST`


def of_methods(study: "Study") -> Iterator[tuple[Method, jobs.Job]]:
    """Yield every training job; methods that share a folder come together, sorted by dataset."""
    datasets, backbones = list(study.datasets), ["", *study.backbones]
    trained = [method for method in METHODS if method.folder(study.paths)]
    for _, methods in groupby(trained, key=lambda method: method.folder(study.paths)):
        pairs = [(method, job) for method in methods for job in method.jobs(study)]
        yield from sorted(
            pairs,
            key=lambda pair: (
                datasets.index(pair[1]["dataset"]),
                backbones.index(pair[1].get("backbone", "")),
            ),
        )


def rows_of_runs(study: "Study", kind: str) -> list[str]:
    """Return all files of one kind of rows, "runs" or "history".

    The long runs come after the grid of heads.
    """
    files: dict[str, list[str]] = {"grid": [], "others": []}
    for method, job in of_methods(study):
        if kind in method.writes:
            place = "grid" if method.name == TRANSFER else "others"
            files[place].append(f"{method.folder(study.paths)}/{kind}.parquet".format(**job))
    long = jobs.fill(f"{study.paths.long_run}/{kind}.parquet", jobs.long_runs(study))
    return [*files["grid"], *long, *files["others"]]


def predictions(study: "Study", dataset: str) -> list[str]:
    """Return the files of predictions of all training jobs of a dataset, but the long runs."""
    return [
        f"{method.folder(study.paths)}/predictions.parquet".format(**job)
        for method, job in of_methods(study)
        if job["dataset"] == dataset and job.get("protocol") != SAME_IMAGES
    ]


def benchmarks(
    study: "Study", shards_of: "Callable[[str, str], Sequence[str]]"
) -> list[tuple[CostRow, str]]:
    """Return the benchmark file of each long job, with the job's row of table `cost`.

    Args:
        study: the study.
        shards_of: from dataset and backbone to the parts that its features are gathered from.
    """
    paths = study.paths
    places = jobs.selections(study)
    shards = [
        {"dataset": dataset, "backbone": backbone, "scatteritem": Path(shard).stem}
        for dataset, backbone in product(jobs.transfer_datasets(study), study.backbones)
        for shard in shards_of(dataset, backbone)
    ]
    copies = [
        job | {"fraction": jobs.fraction_of_copies(study, job["backbone"], job["fraction"])}
        for job in jobs.refits(study, TRANSFER_AUGMENTED)
    ]
    listed: list[tuple[str, str, str, list[jobs.Job]]] = [
        ("make_images", paths.images, "", [{"dataset": name} for name in study.datasets]),
        ("make_larger_images", paths.larger_images, "", jobs.larger_images(study)),
        ("extract_features", paths.features, TRANSFER, places),
        ("extract_shard", paths.shard, TRANSFER, shards),
        ("extract_copies", paths.copies, TRANSFER_AUGMENTED, copies),
        ("train_selected_head", paths.long_run, TRANSFER, jobs.long_runs(study)),
    ]
    for method, job in of_methods(study):
        listed.append((method.rule, method.folder(paths), method.name, [job]))
    if study.one_shot:
        listed += _of_one_shot(study.one_shot, paths)
    rows: dict[str, CostRow] = {}
    for rule, made, method_name, of_rule in listed:
        for job in of_rule:
            # Some jobs belong to no fraction, or to both protocols.
            fraction = job["fraction"] if "{fraction}" in made else ""
            protocol = job["protocol"] if "{protocol}" in made else ""
            name = job.get("variant", method_name)
            row = (rule, job["dataset"], job.get("backbone", ""), fraction, name, protocol)
            rows[paths.benchmark(made).format(**job)] = row
    return [(row, file) for file, row in rows.items()]


def _of_one_shot(
    one_shot: "OneShot", paths: "Paths"
) -> Iterator[tuple[str, str, str, list[jobs.Job]]]:
    """Yield rule, path, method and jobs of one-shot learning."""
    target = {"dataset": one_shot.target, "backbone": one_shot.backbone}
    trainings = [target | job for job in one_shot.trainings()]
    yield "train_siamese", paths.siamese, "siamese", trainings
    for job in one_shot.methods:
        by_gradients = job["variant"] in BY_GRADIENTS
        rule = "train_embedding" if by_gradients else "evaluate_distances"
        yield rule, paths.one_shot_method, "", [target | job]
