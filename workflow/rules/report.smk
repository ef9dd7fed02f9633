# The report, one HTML file, from the tables and figures; its answer as text; and how all was made.

# Rows of all runs are linked, not embedded.
RAW = ["runs", "history", "selected"]
REPORTED = [name for name in TABLES if name not in RAW]
# What the study begins with: the images of each dataset and the weights of each backbone.
INPUTS = sorted(
    {file for dataset in study.datasets for file in source_files(dataset)}
    | {file for backbone in study.backbones if (file := weights_file(backbone))}
)


rule report:
    """The report, one HTML file, the answer as text, and the RO-Crate that says how all was made."""
    input:
        paths.report,
        paths.answer,
        paths.config,
        paths.crate,


rule digest_inputs:
    """The digests of the images and weights that the study begins with."""
    input:
        files=INPUTS,
        code=code_of("digest_inputs"),
    output:
        paths.inputs,
    log:
        paths.log(paths.inputs),
        paths.benchmark(paths.inputs),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        # Folders are no input files (see source_files): their listing tells of a change.
        folders={
            folder: listing(name)
            for name in study.datasets
            if (folder := user_folder(name))
        },
    script:
        "../scripts/digest_inputs.py"


rule report_html:
    """The report's one HTML file, and the answer as text."""
    input:
        tables=[f"{paths.table(name)}.parquet" for name in REPORTED],
        runs=f"{paths.table('runs')}.parquet",
        inputs=paths.inputs,
        figures=[f"{paths.figure(name)}.svg" for name in FIGURES],
        images=expand(paths.images, dataset=study.datasets),
        templates=sorted(map(os.path.relpath, PACKAGE.glob("reporting/templates/*"))),
        captions=lambda wildcards: [
            os.path.relpath(caption_file(made_by(f"{paths.figure(name)}.svg")["kind"]))
            for name in FIGURES
        ],
        code=code_of("write_report"),
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


# Nothing depends on it: it says when the run was, so that it is never the same twice.
rule describe_run:
    """The RO-Crate: code, config, packages, machine, and the digest of every file."""
    input:
        made=[*rules.tables.input, *rules.figures.input, paths.report, paths.answer],
        runs=f"{paths.table('runs')}.parquet",
        cost=f"{paths.table('cost')}.parquet",
        inputs=paths.inputs,
        citation=local(os.path.relpath(WORKFLOW.parent / "CITATION.cff")),
        code=code_of("describe_run"),
    output:
        config=paths.config,
        crate=paths.crate,
    log:
        paths.log(paths.crate),
        paths.benchmark(paths.crate),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        config=complete(config),
        datasets=list(study.datasets),
    script:
        "../scripts/describe_run.py"
