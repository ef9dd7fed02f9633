# The contract of all rules: the study that the config describes, its paths and jobs, and the resources of
# jobs. Other helpers are tested functions of the package, since the linter allows none beside rules.
import os
import re
import sys
from pathlib import Path

from snakemake.io import IOFile, flag


include: "location.smk"


sys.path.insert(0, str(WORKFLOW))

from transfer_gain import gpus, metrics, schedule
from transfer_gain.config import jobs
from transfer_gain.config.errors import ConfigError
from transfer_gain.config.jobs import fill
from transfer_gain.config.loading import check_duplicate_keys, complete, load
from transfer_gain.config.paths import format_number
from transfer_gain.evaluation.published import PUBLISHED
from transfer_gain.methods import job_lists, records
from transfer_gain.names import (
    AUGMENTATION,
    BASELINE_2018,
    BY_GRADIENTS,
    EPOCH_IS_PASS,
    EPOCH_UNITS,
    FIRST,
    IMAGENET,
    PROTOCOLS,
    RANDOM_WEIGHTS,
    SAME_IMAGES,
    TRANSFER_AUGMENTED,
    TRANSFER_EXTENDED,
)
from transfer_gain.reporting import metric_display
from transfer_gain.runtime import (
    code_dependencies,
    job_environment,
    launcher,
    messages,
    metric_choice,
    optional_backbones,
    origins,
    plan,
    shared_cache,
    stores,
    user_files,
)
from transfer_gain.runtime.code_dependencies import PACKAGE
from transfer_gain.runtime.planned_cost import planned_costs

job_environment.prepare(submitted=workflow.remote_exec)

try:
    # Another workflow may have read its config from another working directory.
    for file in filter(os.path.exists, workflow.configfiles):
        check_duplicate_keys(file)
    study = load(config)
    LEFT_OUT = optional_backbones.left_out(study, Path(study.paths.weights_host))
    for name in LEFT_OUT:
        del config["backbones"][name]
    study = (load(config) if LEFT_OUT else study).with_metric(metric_choice.choose)
except ConfigError as error:
    sys.exit(messages.refused(error, workflow.overwrite_configfiles))

STORE = stores.Store(
    workflow.storage_registry.default_storage_provider,
    workflow.storage_settings.default_storage_prefix or "",
    workflow.async_run,
)
stores.keep_wildcard_constraints(STORE)
# From paths of the study to those of a job's copies, which Snakemake does for inputs and outputs alone.
stored = STORE.paths
if STORE and not workflow.remote_exec:
    # Snakemake sends config files with the code. So jobs know what planning has found out.
    workflow.configfiles.extend(
        filter(
            os.path.exists,
            [
                study.paths.weights_host,
                *expand(study.paths.class_sizes, dataset=study.datasets),
            ],
        )
    )

# Who may enter a cache in cloud storage is set there.
if workflow.workflow_settings.cache is not None and not STORE:
    try:
        shared_cache.prepare()
    except shared_cache.CacheError as error:
        sys.exit(f"the cache is refused: {error}")

paths = study.paths
TRANSFER = jobs.transfer_datasets(study)
FRACTIONS = [format_number(each.fraction) for each in study.fractions]
SELECTIONS = jobs.selections(study)
HEADS = jobs.heads(study)
FIRST_ANSWERS = jobs.first_answers(study)
# Jobs of a higher priority start first. Those that use all cores, and that a first answer waits for,
# come before others: once jobs of one core run, they would wait until no job is left. So what they
# wait for comes first of all. Checks of the images come before all training.
FETCH, ON_ALL_CORES, CHECK, FIRST_ANSWER, EARLY = 5, 4, 3, 2, 1


wildcard_constraints:
    dataset="|".join(study.datasets),
    backbone="|".join(study.backbones),
    fraction="|".join(map(re.escape, FRACTIONS)),
    layers=r"[0-9-]+",
    activation="|".join(study.heads.activations),
    learning_rate=r"[0-9.]+",
    epochs=r"[0-9]+",
    part=r"[0-9]+-of-[0-9]+",
    protocol="|".join(PROTOCOLS),
    method="|".join(records.BY_NAME),
    architecture=r"[A-Za-z0-9]+",
    size=r"[0-9]+",


def code_of(script, *modules):
    """Return the digests of a script and of all that it imports, to be a job's parameters.

    Editing any of these files reruns the script's jobs. Snakemake's own trigger compares the time
    of the script, which differs in a new checkout: everything would be downloaded and made again.
    """
    return code_dependencies.digests_behind(
        WORKFLOW / "scripts" / f"{script}.py", *modules
    )


def user_folder(dataset):
    """Return the user's folder behind a dataset, or None if there is no such folder."""
    return user_files.folder(study.datasets[dataset].options.get("path"))


def user_state(dataset):
    """Return a digest of the user's files that a dataset's images depend on."""
    options = study.datasets[dataset].options
    return user_files.state(
        options.get("path"), (options.get("labels") or {}).get("file")
    )


def source_files(dataset):
    """Return the files behind a dataset's images: fetched files, the user's archive, or none.

    A folder is never an input. Opening it in a file manager changes its time, and changing a file
    deep inside does not. The time of an archive is not asked for either: a replacement may be older.
    A digest of what they contain is a parameter instead (`user_state`).
    """
    fetched = {
        "fashion-mnist": paths.fashion_mnist,
        "solar-cells": paths.solar_cells,
    }
    if study.datasets[dataset].source in fetched:
        return fetched[study.datasets[dataset].source]
    path = study.datasets[dataset].options.get("path")
    return own_files(path) if path else []


def own_files(path):
    """Return a user's archive as an input, or nothing for a folder.

    With a store, either is an input that keeps its job where the user is.
    """
    if STORE:
        return [local(ancient(path))]
    return [] if user_files.folder(path) else [ancient(path)]


def weights_file(backbone):
    """Return the file of a backbone's weights; an empty list if they are random."""
    weights = study.backbones[backbone].weights
    if weights == RANDOM_WEIGHTS:
        return []
    if weights != IMAGENET:
        return paths.own_weights(backbone, weights) if STORE else weights
    return paths.weights_of(study.backbones[backbone].architecture)


def cores_for(dataset):
    """Return the cores for drawing or extracting a dataset's images: one core for a few images.

    A job that uses all cores waits until no other job runs, and dependent jobs wait with it.
    """
    few = study.datasets[dataset].training_per_class or 1000
    return 1 if few < 100 else 8


def at_once(priority):
    """Return a priority for the jobs that a first answer waits for; 0 for others of the rule."""
    return lambda wildcards: (
        priority if jobs.is_part_of(dict(wildcards), FIRST_ANSWERS) else 0
    )


def growing(megabytes):
    """Return a job's memory, which grows with each attempt."""
    return lambda wildcards, attempt: attempt * megabytes


def gpu_if_any(wildcards):
    """Return 1, the GPUs of a job, on a cluster or a machine with a GPU; 0 elsewhere.

    On a processor, jobs that ask for none run side by side.
    """
    elsewhere = workflow.remote_exec or workflow.non_local_exec
    return int(elsewhere or gpus.has_driver())


def no_gpu(wildcards):
    """Return 0, the GPUs of a job that uses none; for Kubernetes None, which is no resource.

    Its plugin reads 0 as a request, and lets the job occupy a node with GPUs.
    """
    executor = workflow.executor_plugin
    return None if executor and executor.name == "kubernetes" else 0


def images_seen(rule, wildcards):
    """Return roughly how many images a rule's job sees (see `plan.images_seen`)."""
    names = dict(wildcards)
    folder = user_folder(names["dataset"]) if "dataset" in names else None
    unlabelled = UNLABELLED if rule == "extract_unlabelled" else {}
    folder = user_files.folder(unlabelled.get(names.get("dataset"))) or folder
    gathers = rule == "extract_features" and len(
        shards_of(names["dataset"], names["backbone"])
    )
    found = len(user_files.contents(folder)) if folder else 0
    megabytes = (
        user_files.megabytes(study.datasets[names["dataset"]].options.get("path"))
        if rule in ("make_images", "make_larger_images")
        else 0
    )
    return plan.images_seen(study, rule, names, found, gathers, megabytes)


def costs_here():
    """Return the costs of jobs, learned from the benchmark files of earlier runs."""
    names = ("dataset", "backbone", "fraction", "method")
    measured = []
    for (rule, *values), file in job_lists.benchmarks(study, lambda *_: []):
        known = {
            name: value for name, value in zip(names, values, strict=False) if value
        }
        if os.path.exists(file):
            measured.append((rule, images_seen(rule, known), file))
    return plan.learned(measured)


def minutes(rule):
    """Return a job's time limit: several times its planned time, growing with each attempt."""

    def limit(wildcards, attempt):
        if workflow.remote_exec:  # it has its limit, and a user's folder may be far
            return attempt * 15
        seconds = plan.seconds([(rule, images_seen(rule, wildcards))])
        return attempt * (15 + int(5 * seconds / 60))

    return limit


def run_files(folder, *kinds):
    """Return the files of rows that a training job writes, by kind."""
    return {
        kind: f"{folder}/{kind}.parquet"
        for kind in kinds or ("history", "predictions", "runs")
    }


def table_files(name):
    """Return the two files of a table, by format."""
    return {format: f"{paths.table(name)}.{format}" for format in ("csv", "parquet")}


def figure_files(name, caption):
    """Return the two files of a figure, by format; the SVG goes into Snakemake's report."""
    axes = ("dataset", "backbone", "protocol", "approach")
    return {
        "svg": report(
            paths.figure(f"{name}.svg"),
            caption=f"../report/{caption}.rst",
            category="Figures",
            labels={"figure": caption}
            | {axis: f"{{{axis}}}" for axis in axes if axis in name},
        ),
        "png": paths.figure(f"{name}.png"),
    }


def shards_of(dataset, backbone):
    """Return the parts that a dataset's features are gathered from; none if there is only one.

    Existing features keep the parts that Snakemake recorded for them, so that changing the number
    of parts does not extract them again.
    """
    names = {"dataset": dataset, "backbone": backbone}
    features = paths.features.format(**names)
    if STORE:
        features = flag(features, "storage_object", STORE.object(features))
    if STORE or Path(features).exists():
        made_of = workflow.persistence.input(IOFile(features))
        if made_of is not None:
            folder = Path(paths.shard.format(**names, scatteritem="")).parent
            parts = [
                str(folder / Path(file).name)
                for file in made_of
                if Path(file).parent.parts[-len(folder.parts) :] == folder.parts
            ]
            # Snakemake records them in alphabetical order, in which 10 comes before 2.
            return sorted(parts, key=lambda file: int(Path(file).name.split("-of-")[0]))
    shards = gather.features(paths.shard, **names)
    return shards if len(shards) > 1 else []
