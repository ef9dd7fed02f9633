# Tables of the report. Each aggregates the files that the config implies, never a glob.

PUBLISHED = local(os.path.relpath(WORKFLOW / "published_2018.yaml"))
# Values of the 2018 paper are shown next to ours only if images and network are the same.
SOURCES = {
    name: dataset.source
    for name, dataset in study.datasets.items()
    if dataset.matches_2018
}
PUBLISHED_BACKBONES = [
    name for name, backbone in study.backbones.items() if backbone.matches_2018
]
ONE_SHOT_TABLES = ["one_shot", "few_shot", "one_shot_summary", "similarity"]
COMPARISON = ["accuracy", "gains", "hypotheses", "label_value"]
TABLES = [
    *["fractions", "skipped", "runs", "history", "best_heads", "selected", "cost"],
    *COMPARISON,
]
TABLES += ONE_SHOT_TABLES if study.one_shot else []
# Datasets whose images are the user's own.
OWN = [name for name, dataset in study.datasets.items() if dataset.source == "folder"]
TABLES += ["notes", "near_copies"] if OWN else []


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
        samples=expand(paths.samples, dataset=TRANSFER, fraction=FRACTIONS),
        roles=expand(paths.validation_roles, dataset=TRANSFER),
        published=PUBLISHED,
    output:
        **table_files("fractions"),
    log:
        paths.log(paths.table("fractions")),
        paths.benchmark(paths.table("fractions")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_fractions"),
        datasets=list(study.datasets),
        samples=[(dataset, fraction) for dataset in TRANSFER for fraction in FRACTIONS],
        scored=TRANSFER,
        sources=SOURCES,
    script:
        "../scripts/tabulate_fractions.py"


rule tabulate_skipped:
    """Files of a user's folder that were skipped, and why."""
    input:
        images=expand(paths.images, dataset=study.datasets),
    output:
        **table_files("skipped"),
    log:
        paths.log(paths.table("skipped")),
        paths.benchmark(paths.table("skipped")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_skipped"),
        datasets=list(study.datasets),
    script:
        "../scripts/tabulate_skipped.py"


rule tabulate_notes:
    """What was noticed about your own images, such as groups."""
    input:
        images=expand(paths.images, dataset=OWN),
    output:
        **table_files("notes"),
    log:
        paths.log(paths.table("notes")),
        paths.benchmark(paths.table("notes")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_notes"),
        datasets=OWN,
    script:
        "../scripts/tabulate_notes.py"


rule tabulate_near_copies:
    """Near copies among your own images."""
    input:
        images=expand(paths.images, dataset=OWN),
    output:
        **table_files("near_copies"),
    log:
        paths.log(paths.table("near_copies")),
        paths.benchmark(paths.table("near_copies")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_near_copies"),
        datasets=OWN,
    script:
        "../scripts/tabulate_near_copies.py"


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
        published=PUBLISHED,
    output:
        **table_files("best_heads"),
    log:
        paths.log(paths.table("best_heads")),
        paths.benchmark(paths.table("best_heads")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_best_heads"),
        sources=SOURCES,
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
            file for _, file in job_lists.benchmarks(study, shards_of)
        ],
    script:
        "../scripts/tabulate_cost.py"
