# The report, one HTML file, from the tables and figures; and its answer as text.

# Rows of all runs are linked, not embedded.
RAW = ["runs", "history", "selected"]
REPORTED = [name for name in TABLES if name not in RAW]


rule report:
    """The report, one HTML file, and the answer as text."""
    input:
        paths.report,
        paths.answer,


rule report_html:
    input:
        tables=[f"{paths.table(name)}.parquet" for name in REPORTED],
        runs=f"{paths.table('runs')}.parquet",
        figures=[f"{paths.figure(name)}.svg" for name in FIGURES],
        images=expand(paths.images, dataset=study.datasets),
        templates=sorted(map(os.path.relpath, PACKAGE.glob("templates/*"))),
        captions=lambda wildcards: [
            os.path.relpath(caption_file(made_by(f"{paths.figure(name)}.svg")["kind"]))
            for name in FIGURES
        ],
        code=files_behind("report", "answer", "provenance", "store"),
    output:
        html=report(paths.report, caption="../report/report.rst", category="The answer"),
        answer=paths.answer,
    log:
        paths.log(paths.report),
        paths.benchmark(paths.report),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        datasets=list(study.datasets),
        tables=lambda wildcards: [
            made_by(f"{paths.table(name)}.csv") for name in REPORTED
        ],
        figures=lambda wildcards: [
            made_by(f"{paths.figure(name)}.svg") for name in FIGURES
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
