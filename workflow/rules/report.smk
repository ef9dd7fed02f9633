# The report, one HTML file, from the tables and figures; and its answer as text.

# Rows of all runs are linked, not embedded.
RAW = ["runs", "history", "selected"]
REPORTED = [name for name in [*TABLES, *VERDICT] if name not in RAW]
FIGURE_NAMES = list(dict.fromkeys(FIGURES))


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


rule report:
    input:
        paths.report,
        paths.answer,


rule report_html:
    input:
        tables=[f"{paths.table(name)}.parquet" for name in REPORTED],
        runs=f"{paths.table('runs')}.parquet",
        figures=[f"{paths.figure(name)}.svg" for name in FIGURE_NAMES],
        images=expand(paths.images, dataset=study.datasets),
        templates=sorted(map(os.path.relpath, PACKAGE.glob("templates/*"))),
        captions=lambda wildcards: [
            os.path.relpath(caption_file(made_by(f"{paths.figure(name)}.svg")["kind"]))
            for name in FIGURE_NAMES
        ],
        code=files_behind("report", "answer", "provenance", "store"),
    output:
        html=report(paths.report, caption="../report/report.rst", category="The answer"),
        answer=paths.answer,
    log:
        paths.log(paths.report),
    benchmark:
        paths.benchmark(paths.report)
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        datasets=list(study.datasets),
        tables=lambda wildcards: [
            made_by(f"{paths.table(name)}.csv") for name in REPORTED
        ],
        figures=lambda wildcards: [
            made_by(f"{paths.figure(name)}.svg") for name in FIGURE_NAMES
        ],
        facts={
            "config": complete(config),
            "raw": [
                os.path.relpath(f"{paths.table(name)}.csv", Path(paths.report).parent)
                for name in RAW
            ],
        },
    script:
        "../scripts/write_report.py"
