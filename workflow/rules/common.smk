# The study that the config describes, and what every rule needs to know about it.
import functools
import hashlib
import os
import re
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path

from snakemake.io import IOFile

# Of this checkout, also where another workflow uses it as a module, or a link leads here.
WORKFLOW = Path(workflow.current_basedir).resolve().parent
sys.path.insert(0, str(WORKFLOW))

from transfer_gain.runtime import code_dependencies, launcher, messages, plan
from transfer_gain.runtime.code_dependencies import PACKAGE, make_importable
from transfer_gain.data.sources.archives import is_clutter
from transfer_gain.config.study import (
    BY_GRADIENTS,
    PROTOCOLS,
    ConfigError,
    check_duplicate_keys,
    complete,
    load,
    number,
)

make_importable()
# Jobs keep the memory that they have had (in huge pages), instead of giving back and fetching anew
# what each update's arrays take: up to half of the time of training the Siamese network.
os.environ.setdefault(
    "GLIBC_TUNABLES",
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.arena_max=1"
    ":glibc.malloc.trim_threshold=17179869184",
)

try:
    # Another workflow may have read its config elsewhere, before it changed its folder.
    for file in filter(os.path.exists, workflow.configfiles):
        check_duplicate_keys(file)
    study = load(config)
except ConfigError as error:
    sys.exit(f"the config is refused: {error}")

paths = study.paths
TRANSFER = [name for name, dataset in study.datasets.items() if dataset.transfer]
FRACTIONS = [number(fraction.fraction) for fraction in study.fractions]
HEAD_SETTINGS = {
    key: getattr(study.heads, key) for key in ("batch_size", "min_updates", "l2")
}


def heads_of(selection):
    """Return the heads that one is selected of: all configurations on one fraction's features."""
    return [
        {**selection, **configuration, "epochs": study.heads.epochs}
        for configuration in study.heads.configurations()
    ]


# Random weights are a control, of the grid alone: they have no knowledge to transfer.
TRAINED = [name for name, backbone in study.backbones.items() if backbone.is_trained]
# What is trained, each job as the wildcards of its path.
SELECTED = [
    {"dataset": dataset, "backbone": backbone, "fraction": fraction}
    for dataset, backbone in product(TRANSFER, study.backbones)
    for fraction in study.fraction_names(backbone)
]
HEADS = [head for names in SELECTED for head in heads_of(names)]
LONG_RUNS = [
    {
        "dataset": dataset,
        "backbone": backbone,
        "fraction": fraction,
        "protocol": protocol,
    }
    | {"epochs": study.long_runs.epochs}
    for dataset, backbone in product(TRANSFER, TRAINED)
    for fraction in study.fraction_names(backbone)
    for protocol in PROTOCOLS
    if float(fraction) in study.long_runs.fractions
]
FROM_SCRATCH_RUNS = [
    {"dataset": dataset, "method": method, "fraction": fraction, "learning_rate": rate}
    | {"epochs": study.heads.epochs}
    for dataset, (method, fractions) in product(
        TRANSFER, study.scratch_fractions().items()
    )
    for fraction in fractions
    for rate in study.learning_rates(method, fraction)
]
REFITS = [
    {"dataset": dataset, "backbone": backbone, "fraction": fraction, "method": method}
    | {"protocol": protocol}
    for dataset, backbone in product(TRANSFER, TRAINED)
    for method, up_to in study.refits_up_to().items()
    for fraction in study.fraction_names(backbone, up_to)
    for protocol in PROTOCOLS
    if method != "fine-tuning" or study.backbones[backbone].fine_tune_from
]
PROBES = [
    {"dataset": dataset, "backbone": backbone, "fraction": fraction}
    for dataset, backbone in product(TRANSFER, TRAINED)
    for fraction in study.fraction_names(backbone, study.linear_probe.up_to)
]


def code_of(script, *modules):
    """Return a script and all that it imports, so that editing any of them reruns its jobs.

    The files are in the checkout, never in a store. Snakemake's own trigger compares the script's
    time, which differs in a new checkout: all would be made, and downloaded, again.
    """
    return local(
        code_dependencies.files_behind(WORKFLOW / "scripts" / f"{script}.py", *modules)
    )


wildcard_constraints:
    dataset="|".join(study.datasets),
    backbone="|".join(study.backbones),
    size="|".join(map(re.escape, FRACTIONS)),
    layers=r"[0-9-]+",
    activation="|".join(study.heads.activations),
    learning_rate=r"[0-9.]+",
    epochs=r"[0-9]+",
    protocol="|".join(PROTOCOLS),
    method="|".join([*study.scratch_fractions(), *study.refits_up_to()]),
    architecture=r"[A-Za-z0-9]+",


def user_folder(dataset):
    """Return the user's folder that a dataset's images are made from; None if it is no folder."""
    path = study.datasets[dataset].options.get("path")
    return path if path and Path(path).is_dir() else None


def source_files(dataset):
    """Return the files that a dataset's images are made from: fetched, the user's archive, or none.

    A folder is not among them: opening it in a file manager changes its time, and changing a file
    deep inside does not. Its `listing` is a parameter instead.
    """
    if study.datasets[dataset].source == "fashion-mnist":
        return paths.fashion_mnist
    path = study.datasets[dataset].options.get("path")
    return [path] if path and not user_folder(dataset) else []


@functools.cache  # a folder may be large, and more than one rule asks
def contents(dataset):
    """Return the paths in the user's folder, each file's with its fraction and time."""
    folder, found = user_folder(dataset), []
    for path in sorted(Path(folder).rglob("*")) if folder else []:
        name = path.relative_to(folder)
        if not is_clutter(name.parts):
            stat = path.stat() if path.is_file() else None
            found.append(
                (str(name), *([stat.st_size, stat.st_mtime_ns] if stat else []))
            )
    return found


def listing(dataset):
    """Return a digest of what is in the user's folder."""
    return hashlib.sha256("".join(map(repr, contents(dataset))).encode()).hexdigest()


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
    """Return the module that a source's images come from."""
    return PACKAGE / "data" / "sources" / f"{source.replace('-', '_')}.py"


def fill(pattern, jobs, **wanted):
    """Fill in a pattern for those of some jobs that have the wanted wildcards."""
    return [
        pattern.format(**job)
        for job in jobs
        if all(job[name] == value for name, value in wanted.items())
    ]


def samples_passed(dataset, backbone):
    """Return the samples that limit what passes through a backbone; none where all images do."""
    fractions = study.fraction_names(backbone)
    return (
        []
        if "1" in fractions
        else expand(paths.samples, dataset=dataset, fraction=fractions)
    )


def shards_of(dataset, backbone):
    """Return the parts that a dataset's features are gathered from; none where there is one.

    Features that are there keep the parts that they were made of, as Snakemake remembers them, so
    that another number of parts is no reason to make them anew.
    """
    names = {"dataset": dataset, "backbone": backbone}
    features = paths.features.format(**names)
    if Path(features).exists():
        made_of = workflow.persistence.input(IOFile(features))
        if made_of is not None:
            folder = Path(paths.shard.format(**names, scatteritem="")).parent
            parts = [file for file in made_of if Path(file).parent == folder]
            # Remembered in the order of the alphabet, in which 10 comes before 2.
            return sorted(parts, key=lambda file: int(Path(file).name.split("-of-")[0]))
    shards = gather.features(paths.shard, **names)
    return shards if len(shards) > 1 else []


def cores_for(dataset):
    """Return the cores for drawing a dataset's images or passing them on: one where they are few.

    A job of all cores waits until no other runs, and what it is for waits with it.
    """
    few = study.datasets[dataset].training_per_class or 1000
    return 1 if few < 100 else 8


def growing(megabytes):
    """Return a job's memory: more at each attempt."""
    return lambda wildcards, attempt: attempt * megabytes


def minutes(rule):
    """Return how long a rule's job may take: several times the plan's, more at each attempt."""

    def limit(wildcards, attempt):
        seconds = plan.seconds([(rule, images_seen(rule, wildcards))])
        return attempt * (15 + int(5 * seconds / 60))

    return limit


def head_memory(wildcards, attempt):
    """Return the megabytes that training on a fraction's features takes."""
    return attempt * (1500 + int(2500 * float(wildcards.fraction)))


def table_files(name):
    """Return the two files of a table, by format."""
    return {format: f"{paths.table(name)}.{format}" for format in ("csv", "parquet")}


def rows_of_runs(name):
    """Return every file of a kind of rows, "runs" or "history"."""
    kinds = [
        (paths.head, HEADS),
        (paths.long_run, LONG_RUNS),
        (paths.scratch, FROM_SCRATCH_RUNS),
    ]
    kinds += [(paths.refit, REFITS)] + (
        [(paths.probe, PROBES)] if name == "runs" else []
    )
    return [
        file for made, jobs in kinds for file in fill(f"{made}/{name}.parquet", jobs)
    ]


def job_benchmarks():
    """Return what table `cost` calls each job that takes long, and its benchmark."""
    images = [{"dataset": name, "method": ""} for name in study.datasets]
    shards = [
        {"dataset": dataset, "backbone": backbone, "scatteritem": Path(shard).stem}
        for dataset, backbone in product(TRANSFER, study.backbones)
        for shard in shards_of(dataset, backbone)
    ]
    copies = [job for job in REFITS if job["method"] == "transfer-augmented"]
    tuned = [job for job in REFITS if job["method"] == "fine-tuning"]
    refits = [job for job in REFITS if job["method"] != "fine-tuning"]
    made_by = {
        "make_images": (paths.images, images),
        "extract_features": (paths.features, SELECTED),
        "extract_shard": (paths.shard, shards),
        "extract_copies": (paths.copies, copies),
        "train_head": (paths.head, HEADS),
        "train_selected_head": (paths.long_run, LONG_RUNS),
        "train_from_scratch": (paths.scratch, FROM_SCRATCH_RUNS),
        "refit_head": (paths.refit, refits),
        "fine_tune": (paths.refit, tuned),
        "fit_probes": (paths.probe, PROBES),
    }
    if study.one_shot:
        target = {"dataset": study.one_shot.target, "backbone": study.one_shot.backbone}
        trainings = [
            target | job | {"method": "siamese"} for job in study.one_shot.trainings()
        ]
        made_by["train_siamese"] = (paths.siamese, trainings)
        for job in study.one_shot.methods:
            by_gradients = job["variant"] in BY_GRADIENTS
            name = "train_embedding" if by_gradients else "evaluate_distances"
            _, jobs = made_by.setdefault(name, (paths.one_shot_method, []))
            jobs.append(target | job | {"method": job["variant"]})
    jobs = {}
    for name, (made, wildcards) in made_by.items():
        for job in wildcards:
            file = paths.benchmark(made).format(**job)
            # Some jobs are of no fraction, or of both protocols.
            fraction = job["fraction"] if "{fraction}" in made else ""
            protocol = job["protocol"] if "{protocol}" in made else ""
            method = "linear-probe" if name == "fit_probes" else "transfer"
            method = job.get("method", method)
            backbone = job.get("backbone", "")
            jobs[file] = (name, job["dataset"], backbone, fraction, method, protocol)
    return [(job, file) for file, job in jobs.items()]


def caption_file(kind):
    """Return the file that says what a kind of figure shows."""
    return WORKFLOW / "report" / f"{kind}.rst"


def one_shot_features(dataset):
    """Return the file of a dataset's features that one-shot learning uses."""
    return paths.features.format(dataset=dataset, backbone=study.one_shot.backbone)


def one_shot_names(wildcards):
    """Return what the rows of an approach are called."""
    return {
        **wildcards,
        "trained_on": study.one_shot.approaches[wildcards.approach],
        "tested_on": study.one_shot.target,
        "backbone": study.one_shot.backbone,
    }


def figure_files(name, caption):
    """Return the two files of a figure, by format; the SVG goes into Snakemake's report."""
    return {
        "svg": report(
            paths.figure(f"{name}.svg"),
            caption=f"../report/{caption}.rst",
            category="Figures",
            labels={"figure": caption}
            | {
                axis: f"{{{axis}}}"
                for axis in ("dataset", "backbone", "protocol", "approach")
                if axis in name
            },
        ),
        "png": paths.figure(f"{name}.png"),
    }


def made_by(path):
    """Return how a file was made, as the report tells it: kind, rule, script and wildcards."""
    maker = next(each for each in workflow.rules if each.is_producer(path))
    wildcards = dict(maker.get_wildcards(path))
    name, kind = Path(path).stem, Path(path).stem
    for value in wildcards.values():
        kind = kind.removesuffix(f"_{value}").replace(f"_{value}_", "_")
    return {
        "name": name,
        # A table's rule may name the table by a wildcard.
        "kind": name if Path(path).suffix == ".csv" else kind,
        "path": os.path.relpath(path, Path(paths.report).parent),
        "rule": maker.name,
        "script": f"workflow/scripts/{Path(str(maker.script)).name}",
        "wildcards": wildcards,
    }


def progress_bars():
    """Return what shows the run's progress in the place of Snakemake's lines: make's, or none."""
    handlers = workflow.logger_manager.get_log_handlers()
    return [handler for handler in handlers if hasattr(handler, "expect")]


def images_seen(rule_name, wildcards):
    """Return roughly how many images a rule's job trains on or reads, each as often as it does."""
    dataset = study.datasets.get(wildcards.get("dataset"))
    if dataset is None or rule_name not in plan.COSTS:
        return 0
    # How many an archive has is known only once it is read. A quarter is validated on.
    found = len(contents(dataset.name)) or 500
    classes = dataset.class_count or 5
    training, validation = 0.75 * found, 0.25 * found
    if dataset.training_per_class is not None:
        training = classes * dataset.training_per_class
    if dataset.validation_per_class is not None:
        validation = classes * dataset.validation_per_class

    def sampled(fraction):
        return study.replicates(fraction) * training * float(fraction)

    if "fraction" not in wildcards.keys():
        fractions = study.fraction_names(
            wildcards.get("backbone", next(iter(study.backbones)))
        )
        limited = rule_name.startswith("extract_") and "1" not in fractions
        images = validation + (sum(map(sampled, fractions)) if limited else training)
        if rule_name == "extract_shard":
            return images / int(wildcards.scatteritem.split("-of-")[1])
        gathers = rule_name == "extract_features" and shards_of(**wildcards)
        return images / 1000 if gathers else images  # which only copies
    fraction = wildcards.fraction
    if rule_name == "extract_copies":
        return sampled(fraction) * study.transfer_augmented.copies
    updates = study.heads.min_updates * study.heads.batch_size
    return max(
        study.heads.epochs * sampled(fraction), study.replicates(fraction) * updates
    )
