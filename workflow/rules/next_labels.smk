# Which of a user's unlabelled images to label next, and how much that helps on the labeled ones.

# Paths of the unlabelled images, by dataset.
UNLABELLED = jobs.unlabelled(study)
# Tables that only gather the rows of a file of each dataset.
OF_DATASET = {"next_labels_test": "test", "unlabelled_skipped": "skipped"}
NEXT_LABELS = ["next_labels", *OF_DATASET]
# What chooses the backbone of a dataset.
CHOICE = {
    "metric": study.metric,
    "backbones": jobs.trained_backbones(study),
}


rule next_labels:
    """Which unlabelled images to label next, as a table."""
    input:
        [
            paths.table(name) + ending
            for name in (NEXT_LABELS if UNLABELLED else [])
            for ending in (".csv", ".parquet")
        ],


rule extract_unlabelled:
    """The unlabelled images of a dataset that are worth a label, and their features."""
    input:
        # As in source_files: a folder is no input, its content is a parameter.
        files=lambda wildcards: own_files(UNLABELLED[wildcards.dataset]),
        scores=lambda wildcards: fill(paths.ranked, RANKED, **wildcards),
        labelled=lambda wildcards: sorted(
            {
                jobs.images_of(study, wildcards.dataset, name)
                for name in CHOICE["backbones"]
            }
        ),
        weights=[weights_file(name) for name in CHOICE["backbones"]],
    output:
        images=f"{paths.unlabelled}/images.parquet",
        features=f"{paths.unlabelled}/features.parquet",
        skipped=f"{paths.unlabelled}/skipped.parquet",
    log:
        paths.log(f"{paths.unlabelled}/features"),
        paths.benchmark(f"{paths.unlabelled}/features"),
    conda:
        "../../envs/environment.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=growing(4000),
        runtime=minutes("extract_unlabelled"),
    params:
        **code_of("extract_unlabelled"),
        **CHOICE,
        path=lambda wildcards: UNLABELLED[wildcards.dataset],
        contents=lambda wildcards: user_files.state(UNLABELLED[wildcards.dataset]),
        settings=lambda wildcards: {
            key: study.datasets[wildcards.dataset].settings()[key]
            for key in ("image_size", "channels", "resize", "background")
        },
        networks=lambda wildcards: {
            name: {
                "labelled": stored(jobs.images_of(study, wildcards.dataset, name)),
                "cut": study.backbones[name].cut,
                "weights": stored(weights_file(name)),
            }
            for name in CHOICE["backbones"]
        },
        precision=study.precision,
    script:
        "../scripts/extract_unlabelled.py"


rule replay_labels:
    """How much each strategy helps on the labeled images, against choosing at random."""
    input:
        scores=lambda wildcards: fill(paths.ranked, RANKED, **wildcards),
        features=lambda wildcards: jobs.features_by_backbone(
            study, wildcards.dataset
        ).values(),
    output:
        f"{paths.unlabelled}/test.parquet",
    log:
        paths.log(f"{paths.unlabelled}/test"),
        paths.benchmark(f"{paths.unlabelled}/test"),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=minutes("replay_labels"),
    params:
        **code_of("replay_labels"),
        **CHOICE,
        **study.class_weighting,
        features=lambda wildcards: stored(
            jobs.features_by_backbone(study, wildcards.dataset)
        ),
        penalties=study.linear_probe.l2,
        seed=study.seed,
    script:
        "../scripts/replay_labels.py"


rule tabulate_next_labels:
    """The unlabelled images to label next, the first one first."""
    input:
        scores=[
            file
            for dataset in UNLABELLED
            for file in fill(paths.ranked, RANKED, dataset=dataset)
        ],
        labelled=[
            file
            for dataset in UNLABELLED
            for file in jobs.features_by_backbone(study, dataset).values()
        ],
        unlabelled=expand(f"{paths.unlabelled}/features.parquet", dataset=UNLABELLED),
        tests=expand(f"{paths.unlabelled}/test.parquet", dataset=UNLABELLED),
    output:
        **table_files("next_labels"),
    log:
        paths.log(paths.table("next_labels")),
        paths.benchmark(paths.table("next_labels")),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=growing(3000),
    params:
        **code_of("tabulate_next_labels"),
        **CHOICE,
        **study.class_weighting,
        scores={
            dataset: stored(fill(paths.ranked, RANKED, dataset=dataset))
            for dataset in UNLABELLED
        },
        datasets=list(UNLABELLED),
        features={
            dataset: stored(jobs.features_by_backbone(study, dataset))
            for dataset in UNLABELLED
        },
        penalties=study.linear_probe.l2,
        seed=study.seed,
    script:
        "../scripts/tabulate_next_labels.py"


rule tabulate_unlabelled:
    """How much each strategy helped on the labeled images, and the unlabelled ones left out."""
    input:
        rows=lambda wildcards: expand(
            f"{paths.unlabelled}/{OF_DATASET[wildcards.table]}.parquet",
            dataset=UNLABELLED,
        ),
    output:
        **table_files("{table}"),
    log:
        paths.log(paths.table("{table}")),
        paths.benchmark(paths.table("{table}")),
    wildcard_constraints:
        table="|".join(OF_DATASET),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("gather_rows"),
    script:
        "../scripts/gather_rows.py"
