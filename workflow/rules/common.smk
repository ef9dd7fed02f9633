# The study that the config describes, and what every rule needs to know about it.
import hashlib
import os
import re
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from transfer_gain.code import files_behind, make_importable
from transfer_gain.study import PROTOCOLS, ConfigError, load, number

make_importable()

try:
    study = load(config)
except ConfigError as error:
    sys.exit(f"the config is refused: {error}")

paths = study.paths
TRANSFER = [name for name, dataset in study.datasets.items() if dataset.transfer]
SIZES = [number(size.fraction) for size in study.sizes]
LONG_SIZES = [number(fraction) for fraction in study.long_runs.sizes]
HEAD_SETTINGS = {
    key: getattr(study.heads, key) for key in ("batch_size", "min_updates", "l2")
}


wildcard_constraints:
    dataset="|".join(study.datasets),
    backbone="|".join(study.backbones),
    size="|".join(map(re.escape, SIZES)),
    layers=r"[0-9-]+",
    activation="|".join(study.heads.activations),
    learning_rate=r"[0-9.]+",
    epochs=r"[0-9]+",
    protocol="|".join(PROTOCOLS),
    architecture=r"[A-Za-z0-9]+",


def source_files(dataset):
    """Return the files that a dataset's images are made from: fetched, the user's, or none."""
    if study.datasets[dataset].source == "fashion-mnist":
        return paths.fashion_mnist
    path = study.datasets[dataset].options.get("path")
    return [path] if path else []


def listing(dataset):
    """Return a digest of path, size and time of each file in a user's folder.

    Snakemake looks at the folder's own time, which a change deep inside leaves alone.
    """
    digest = hashlib.sha256()
    for folder in map(Path, source_files(dataset)):
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            stat = file.stat()
            state = (str(file.relative_to(folder)), stat.st_size, stat.st_mtime_ns)
            digest.update(repr(state).encode())
    return digest.hexdigest()


def weights_file(backbone):
    """Return the file of a backbone's weights; none if they are random."""
    weights, architecture = (
        study.backbones[backbone].weights,
        study.backbones[backbone].architecture,
    )
    if weights == "none":
        return []
    if weights != "imagenet":
        return weights
    if architecture == "VGG16":
        return paths.vgg16_weights
    return paths.weights.format(architecture=architecture)


def source_module(source):
    """Return the module, below the package, that a source's images come from."""
    return f"sources.{source.replace('-', '_')}"


def expand_heads(pattern, dataset=TRANSFER, backbone=study.backbones, size=SIZES):
    """Fill in a pattern for every head of the grid, by default of the whole study."""
    return [
        path
        for configuration in study.heads.configurations()
        for path in expand(
            pattern,
            dataset=dataset,
            backbone=backbone,
            size=size,
            epochs=study.heads.epochs,
            **configuration,
        )
    ]


def expand_long_runs(
    pattern,
    dataset=TRANSFER,
    backbone=study.backbones,
    size=LONG_SIZES,
    protocol=PROTOCOLS,
):
    """Fill in a pattern for every long run, by default of the whole study."""
    return expand(
        pattern,
        dataset=dataset,
        backbone=backbone,
        size=size,
        protocol=protocol,
        epochs=study.long_runs.epochs,
    )


def table_files(name):
    """Return the two files of a table, by format."""
    return {format: f"{paths.table(name)}.{format}" for format in ("csv", "parquet")}


def job_benchmarks():
    """Return (rule, dataset, backbone, size, method) and benchmark of each job that takes long."""
    extract, train, train_long = (
        paths.benchmark(made) for made in (paths.features, paths.head, paths.long_run)
    )
    for dataset in study.datasets:
        for file in expand(paths.benchmark(paths.images), dataset=dataset):
            yield ("make_images", dataset, "", "", ""), file
    for dataset, backbone in product(TRANSFER, study.backbones):
        for file in expand(extract, dataset=dataset, backbone=backbone):
            yield ("extract_features", dataset, backbone, "", "transfer"), file
        for size in SIZES:
            for file in expand_heads(train, dataset, backbone, size):
                yield ("train_head", dataset, backbone, size, "transfer"), file
        for size in LONG_SIZES:
            for file in expand_long_runs(train_long, dataset, backbone, size):
                yield ("train_selected_head", dataset, backbone, size, "transfer"), file


def figure_files(name, caption):
    """Return the two files of a figure, by format; the SVG goes into Snakemake's report."""
    return {
        "svg": report(
            paths.figure(f"{name}.svg"),
            caption=f"../report/{caption}.rst",
            category="Figures",
            labels={"figure": caption}
            | {axis: f"{{{axis}}}" for axis in ("dataset", "backbone") if axis in name},
        ),
        "png": paths.figure(f"{name}.png"),
    }
