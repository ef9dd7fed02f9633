# Tables of the report: each aggregates rows of the files that the config lists, never a glob.

PUBLISHED = os.path.relpath(Path(workflow.basedir, "workflow", "published_2018.yaml"))
SOURCES = {name: dataset.source for name, dataset in study.datasets.items()}
TABLES = ["sizes", "runs", "history", "best_heads", "cost"]


def table_files(name):
    """Return the two files of a table, by format."""
    return {format: f"{paths.table(name)}.{format}" for format in ("csv", "parquet")}


rule tables:
    input:
        [paths.table(name) + ending for name in TABLES for ending in (".csv", ".parquet")],


rule tabulate_sizes:
    input:
        images=expand(paths.images, dataset=study.datasets),
        samples=expand(paths.samples, dataset=study.datasets, size=SIZES),
        code=files_behind("tables"),
    output:
        **table_files("sizes"),
    params:
        datasets=list(study.datasets),
        sizes=SIZES,
    log:
        paths.log(paths.table("sizes")),
    benchmark:
        paths.benchmark(paths.table("sizes"))
    script:
        "../scripts/tabulate_sizes.py"


rule gather_rows:
    input:
        rows=lambda wildcards: expand_heads(rules.train_head.output[wildcards.rows])
        + expand_long_runs(rules.train_selected_head.output[wildcards.rows]),
        code=files_behind("store"),
    output:
        **table_files("{rows}"),
    wildcard_constraints:
        rows="runs|history",
    log:
        paths.log(paths.table("{rows}")),
    benchmark:
        paths.benchmark(paths.table("{rows}"))
    script:
        "../scripts/gather_rows.py"


rule tabulate_best_heads:
    input:
        runs=expand_heads(rules.train_head.output.runs),
        selections=expand(
            paths.selection, dataset=study.datasets, backbone=study.backbones, size=SIZES
        ),
        published=PUBLISHED,
        code=files_behind("tables"),
    output:
        **table_files("best_heads"),
    params:
        sources=SOURCES,
        names=[
            {"dataset": dataset, "backbone": backbone, "size": float(size)}
            for dataset, backbone, size in product(study.datasets, study.backbones, SIZES)
        ],
    log:
        paths.log(paths.table("best_heads")),
    benchmark:
        paths.benchmark(paths.table("best_heads"))
    script:
        "../scripts/tabulate_best_heads.py"


def job_benchmarks():
    """Return (rule, dataset, size, method) and benchmark of every job that costs something."""
    for dataset in study.datasets:
        make, extract = paths.benchmark(paths.images), paths.benchmark(paths.features)
        train, train_long = paths.benchmark(paths.head), paths.benchmark(paths.long_run)
        jobs = [("make_images", "", "", expand(make, dataset=dataset))]
        jobs += [
            (
                "extract_features",
                "",
                "transfer",
                expand(extract, dataset=dataset, backbone=study.backbones),
            )
        ]
        jobs += [
            ("train_head", size, "transfer", expand_heads(train, dataset, size=size))
            for size in SIZES
        ]
        jobs += [
            (
                "train_selected_head",
                size,
                "transfer",
                expand_long_runs(train_long, dataset, size=size),
            )
            for size in LONG_SIZES
        ]
        for rule, size, method, files in jobs:
            yield from (((rule, dataset, size, method), file) for file in files)


rule tabulate_cost:
    input:
        tables=expand(f"{paths.table('{name}')}.parquet", name=["runs", "history"]),
        code=files_behind("tables"),
    output:
        **table_files("cost"),
    params:
        jobs=[job for job, _ in job_benchmarks()],
        benchmarks=[file for _, file in job_benchmarks()],
    log:
        paths.log(paths.table("cost")),
    script:
        "../scripts/tabulate_cost.py"
