# One-shot learning: the 2018 paper's Siamese network, controls and variants; similarity of classes.

ONE_SHOT = study.one_shot
ONE_SHOT_FEATURES = {
    dataset: paths.features.format(dataset=dataset, backbone=ONE_SHOT.backbone)
    for dataset in study.datasets
}
ONE_SHOT_RUNS = [
    *fill(paths.siamese, ONE_SHOT.trainings()),
    *fill(paths.one_shot_method, ONE_SHOT.methods),
]
# The network that compares classes and whose tasks are shown.
SHOWN = {
    "approach": FIRST,
    "batch": str(ONE_SHOT.batch_size),
    "epoch_unit": EPOCH_IS_PASS,
}


# The features that an approach trains on and is tested on.
ONE_SHOT_IMAGES = {
    "trained_on": lambda wildcards: ONE_SHOT_FEATURES[
        ONE_SHOT.approaches[wildcards.approach]
    ],
    "tested_on": ONE_SHOT_FEATURES[ONE_SHOT.target],
}


wildcard_constraints:
    approach="|".join(ONE_SHOT.approaches),
    batch="[0-9]+",


rule one_shot:
    """One-shot learning and the similarity of datasets: its tables and figures."""
    input:
        [
            paths.table(name) + ending
            for name in ONE_SHOT_TABLES
            for ending in (".csv", ".parquet")
        ],
        [
            paths.figure(name) + ending
            for name in ONE_SHOT_FIGURES
            if name != "distance_and_gain"  # needs the gains of the whole study
            for ending in (".svg", ".png")
        ],


rule train_siamese:
    input:
        **ONE_SHOT_IMAGES,
    output:
        history=f"{paths.siamese}/history.parquet",
        few_shot=f"{paths.siamese}/few_shot.parquet",
        network=f"{paths.siamese}/network.npz",
    log:
        paths.log(paths.siamese),
        paths.benchmark(paths.siamese),
    wildcard_constraints:
        epoch_unit="|".join(EPOCH_UNITS),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=no_gpu,
        # Kernel, gradient and Adam's moments of each replicate.
        mem_mb=growing(1500 + 250 * ONE_SHOT.replicates),
        runtime=minutes("train_siamese"),
    params:
        **code_of("train_siamese"),
        seed=study.seed,
        names=lambda wildcards: jobs.one_shot_names(study, wildcards),
        draws=lambda wildcards: ONE_SHOT.draws(wildcards.approach),
        settings=lambda wildcards: {
            "batch_size": int(wildcards.batch),
            "epochs": ONE_SHOT.epochs(wildcards.approach, wildcards.epoch_unit),
            "learning_rate": ONE_SHOT.learning_rate,
            "l2": ONE_SHOT.l2,
        },
    script:
        "../scripts/train_siamese.py"


rule evaluate_distances:
    input:
        **ONE_SHOT_IMAGES,
    output:
        history=f"{paths.one_shot_method}/history.parquet",
        few_shot=f"{paths.one_shot_method}/few_shot.parquet",
    log:
        paths.log(paths.one_shot_method),
        paths.benchmark(paths.one_shot_method),
    wildcard_constraints:
        variant=f"(?!{'|'.join(BY_GRADIENTS)})[a-z-]+",
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=minutes("evaluate_distances"),
    params:
        **code_of("evaluate_distances"),
        seed=study.seed,
        names=lambda wildcards: jobs.one_shot_names(study, wildcards),
        draws=lambda wildcards: ONE_SHOT.draws(wildcards.approach),
    script:
        "../scripts/evaluate_distances.py"


rule train_embedding:
    input:
        **ONE_SHOT_IMAGES,
    output:
        history=f"{paths.one_shot_method}/history.parquet",
        few_shot=f"{paths.one_shot_method}/few_shot.parquet",
    log:
        paths.log(paths.one_shot_method),
        paths.benchmark(paths.one_shot_method),
    wildcard_constraints:
        variant="|".join(BY_GRADIENTS),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=no_gpu,
        mem_mb=growing(3000),
        runtime=minutes("train_embedding"),
    params:
        **code_of("train_embedding"),
        seed=study.seed,
        names=lambda wildcards: jobs.one_shot_names(study, wildcards),
        draws=lambda wildcards: ONE_SHOT.draws(wildcards.approach),
        settings={
            "batch_size": ONE_SHOT.variant_batch_size,
            "updates": ONE_SHOT.variant_updates,
            "learning_rate": ONE_SHOT.learning_rate,
            "l2": ONE_SHOT.l2,
        },
    script:
        "../scripts/train_embedding.py"


rule show_tasks:
    """The images of example one-shot tasks."""
    input:
        network=f"{paths.siamese}/network.npz".format(**SHOWN),
        features=ONE_SHOT_FEATURES[ONE_SHOT.target],
    output:
        paths.tasks,
    log:
        paths.log(paths.tasks),
        paths.benchmark(paths.tasks),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("show_tasks"),
        seed=study.seed,
        target=ONE_SHOT.target,
        draws=ONE_SHOT.draws(FIRST) | {"replicates": 1},
        tasks=8,
    script:
        "../scripts/show_tasks.py"


rule compare_classes:
    """The Siamese network's similarity of all pairs of classes, one row per pair."""
    input:
        network=f"{paths.siamese}/network.npz".format(**SHOWN),
        features=[ONE_SHOT_FEATURES[dataset] for dataset in study.datasets],
    output:
        paths.p_same,
    log:
        paths.log(paths.p_same),
        paths.benchmark(paths.p_same),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("compare_classes"),
        seed=study.seed,
        datasets=list(study.datasets),
        per_class=ONE_SHOT.compared_per_class,
    script:
        "../scripts/compare_classes.py"


rule tabulate_similarity:
    """The similarity of all classes."""
    input:
        p_same=paths.p_same,
        features=[ONE_SHOT_FEATURES[dataset] for dataset in study.datasets],
    output:
        **table_files("similarity"),
    log:
        paths.log(paths.table("similarity")),
        paths.benchmark(paths.table("similarity")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_similarity"),
        seed=study.seed,
        datasets=list(study.datasets),
        per_class=ONE_SHOT.compared_per_class,
    script:
        "../scripts/tabulate_similarity.py"


rule tabulate_one_shot:
    """One-shot and few-shot accuracy, and whether a method beats its controls."""
    input:
        history=[f"{run}/history.parquet" for run in ONE_SHOT_RUNS],
        few_shot=[f"{run}/few_shot.parquet" for run in ONE_SHOT_RUNS],
    output:
        **table_files("{table}"),
    log:
        paths.log(paths.table("{table}")),
        paths.benchmark(paths.table("{table}")),
    wildcard_constraints:
        table="one_shot|few_shot|one_shot_summary",
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_one_shot", PUBLISHED),
    script:
        "../scripts/tabulate_one_shot.py"


rule plot_one_shot:
    """One-shot accuracy against epoch, with controls and the 2018 paper's values."""
    input:
        one_shot=f"{paths.table('one_shot')}.parquet",
    output:
        **figure_files("one_shot_{approach}", "one_shot"),
    log:
        paths.log(paths.figure("one_shot_{approach}")),
        paths.benchmark(paths.figure("one_shot_{approach}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_one_shot", PUBLISHED),
    script:
        "../scripts/plot_one_shot.py"


rule plot_one_shot_methods:
    input:
        summary=f"{paths.table('one_shot_summary')}.parquet",
    output:
        **figure_files("one_shot_methods_{approach}", "one_shot_methods"),
    log:
        paths.log(paths.figure("one_shot_methods_{approach}")),
        paths.benchmark(paths.figure("one_shot_methods_{approach}")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_one_shot_methods"),
    script:
        "../scripts/plot_one_shot_methods.py"


rule plot_tasks:
    """Example one-shot tasks and the Siamese network's predictions."""
    input:
        tasks=paths.tasks,
        images=paths.images.format(dataset=ONE_SHOT.target),
    output:
        **figure_files("one_shot_tasks", "one_shot_tasks"),
    log:
        paths.log(paths.figure("one_shot_tasks")),
        paths.benchmark(paths.figure("one_shot_tasks")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_tasks"),
        target=ONE_SHOT.target,
    script:
        "../scripts/plot_tasks.py"


rule plot_similarity:
    """The similarity of classes as a heat map."""
    input:
        similarity=f"{paths.table('similarity')}.parquet",
    output:
        **figure_files("similarity", "similarity"),
    log:
        paths.log(paths.figure("similarity")),
        paths.benchmark(paths.figure("similarity")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_similarity"),
    script:
        "../scripts/plot_similarity.py"


rule plot_class_map:
    """A map of all classes."""
    input:
        similarity=f"{paths.table('similarity')}.parquet",
    output:
        **figure_files("class_map", "class_map"),
    log:
        paths.log(paths.figure("class_map")),
        paths.benchmark(paths.figure("class_map")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_class_map"),
        seed=study.seed,
    script:
        "../scripts/plot_class_map.py"


rule plot_distance_and_gain:
    """The gain from transfer against the distance between datasets."""
    input:
        similarity=f"{paths.table('similarity')}.parquet",
        gains=f"{paths.table('gains')}.parquet",
    output:
        **figure_files("distance_and_gain", "distance_and_gain"),
    log:
        paths.log(paths.figure("distance_and_gain")),
        paths.benchmark(paths.figure("distance_and_gain")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("plot_distance_and_gain"),
        backbone=ONE_SHOT.backbone,
    script:
        "../scripts/plot_distance_and_gain.py"
