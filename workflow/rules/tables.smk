# Tables of the report. Each aggregates the files that the config implies, never a glob.

# Values of the 2018 paper are shown next to ours only if images and network are the same.
SOURCES = {
    name: dataset.source
    for name, dataset in study.datasets.items()
    if dataset.matches_2018
}
# The paper's scores are accuracies.
SOURCES_OF_SCORES = SOURCES if study.metric == metrics.ACCURACY.name else {}
PUBLISHED_BACKBONES = [
    name for name, backbone in study.backbones.items() if backbone.matches_2018
]
ONE_SHOT_TABLES = ["one_shot", "few_shot", "one_shot_summary", "similarity"]
COMPARISON = [study.metric, "gains", "hypotheses", "label_value"]
MISTAKES = ["per_class", "confusion", "reliability", "mistakes"]
NOTICED = ["skipped", "notes", "near_copies"]
TABLES = ["classes", "fractions", "skipped", "runs", "history", "best_heads"]
TABLES += ["selected", "cost", *COMPARISON, "forecast", "options", *MISTAKES]
TABLES += ONE_SHOT_TABLES if study.one_shot else []
# Datasets whose images are the user's own.
OWN = [name for name, dataset in study.datasets.items() if dataset.source == "folder"]
TABLES += NOTICED[1:] if OWN else []
TABLES += RANK_TABLES if RANKED else []
TABLES += NEXT_LABELS if UNLABELLED else []


rule tables:
    """All tables, as CSV and Parquet."""
    input:
        [
            paths.table(name) + ending
            for name in TABLES
            for ending in (".csv", ".parquet")
        ],


rule tabulate_fractions:
    """Images per fraction and class, counted in the files (Tables 1 and 2)."""
    input:
        images=expand(paths.images, dataset=study.datasets),
        validation_roles=expand(paths.validation_roles, dataset=TRANSFER),
        samples=expand(paths.samples, dataset=TRANSFER, fraction=FRACTIONS),
    output:
        **table_files("fractions"),
    log:
        paths.log(paths.table("fractions")),
        paths.benchmark(paths.table("fractions")),
    # Refuses fractions of the same images before any training.
    priority: CHECK
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_fractions", PUBLISHED),
        metric=study.metric,
        datasets=list(study.datasets),
        divided=TRANSFER,
        samples=[(dataset, fraction) for dataset in TRANSFER for fraction in FRACTIONS],
        sources=SOURCES,
    script:
        "../scripts/tabulate_fractions.py"


rule tabulate_classes:
    """Images of each class: to train, to select and to score on."""
    input:
        images=expand(paths.images, dataset=TRANSFER),
        validation_roles=expand(paths.validation_roles, dataset=TRANSFER),
    output:
        **table_files("classes"),
    log:
        paths.log(paths.table("classes")),
        paths.benchmark(paths.table("classes")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_classes"),
        **study.class_weighting,
        datasets=TRANSFER,
        larger=jobs.larger_sizes(study),
    script:
        "../scripts/tabulate_classes.py"


rule tabulate_noticed:
    """What was left out of a user's images, and what was noticed about them."""
    input:
        images=expand(paths.images, dataset=study.datasets),
    output:
        **table_files("{table}"),
    log:
        paths.log(paths.table("{table}")),
        paths.benchmark(paths.table("{table}")),
    wildcard_constraints:
        table="|".join(NOTICED),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_noticed"),
        datasets=list(study.datasets),
    script:
        "../scripts/tabulate_noticed.py"


rule gather_rows:
    input:
        rows=lambda wildcards: job_lists.rows_of_runs(study, wildcards.rows),
    output:
        **table_files("{rows}"),
    log:
        paths.log(paths.table("{rows}")),
        paths.benchmark(paths.table("{rows}")),
    wildcard_constraints:
        rows="runs|history",
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("gather_rows"),
    script:
        "../scripts/gather_rows.py"


rule tabulate_best_heads:
    """The best head of each dataset, backbone and fraction (Table 3)."""
    input:
        runs=fill(f"{paths.head}/runs.parquet", HEADS),
        selections=[paths.selection.format(**names) for names in SELECTIONS],
    output:
        **table_files("best_heads"),
    log:
        paths.log(paths.table("best_heads")),
        paths.benchmark(paths.table("best_heads")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_best_heads", PUBLISHED),
        metric=study.metric,
        sources=SOURCES_OF_SCORES,
        published_backbones=PUBLISHED_BACKBONES,
        names=[names | {"fraction": float(names["fraction"])} for names in SELECTIONS],
    script:
        "../scripts/tabulate_best_heads.py"


rule tabulate_cost:
    """Seconds and memory of every job that draws, extracts or trains."""
    input:
        tables=expand(
            f"{paths.table('{name}')}.parquet",
            name=["runs", "history", *(["one_shot"] if study.one_shot else [])],
        ),
        # Elsewhere a missing cost is no reason to run its job again, so that it is no input.
        benchmarks=lambda wildcards: (
            [file for _, file in job_lists.benchmarks(study, shards_of)]
            if STORE
            else []
        ),
    output:
        **table_files("cost"),
    log:
        paths.log(paths.table("cost")),
        paths.benchmark(paths.table("cost")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_cost"),
        jobs=lambda wildcards: [
            row for row, _ in job_lists.benchmarks(study, shards_of)
        ],
        benchmarks=lambda wildcards: [
            stored(file) for _, file in job_lists.benchmarks(study, shards_of)
        ],
    script:
        "../scripts/tabulate_cost.py"
