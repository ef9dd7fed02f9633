# The report as one HTML file, its answer as text, and the provenance of the results.

# Rows of all runs are linked, not embedded.
RAW = ["runs", "history", "selected"]
REPORTED = [name for name in TABLES if name not in RAW]
# Inputs of the study: the images of each dataset and the weights of each backbone.
INPUTS = sorted(
    {file for dataset in study.datasets for file in source_files(dataset)}
    | {file for path in UNLABELLED.values() for file in own_files(path)}
    | {file for backbone in study.backbones if (file := weights_file(backbone))}
)
# The templates of the report and of its captions are code.
TEMPLATES = sorted(
    [*PACKAGE.glob("reporting/templates/*"), *WORKFLOW.glob("report/*.rst")]
)
# Whose images the results show, and whether they may be seen by everyone.
SHARING = {
    "public": study.share == "public",
    "own": [name for name, each in study.datasets.items() if each.options.get("path")],
    "target": study.one_shot.target if study.one_shot else None,
}


rule report:
    """The report as one HTML file, the answer as text, and the RO-Crate with the provenance."""
    input:
        paths.report,
        paths.answer,
        paths.answer_json,
        paths.config,
        paths.crate,


rule digest_inputs:
    """The digests of the study's input images and weights."""
    input:
        files=INPUTS,
    output:
        paths.inputs,
    log:
        paths.log(paths.inputs),
        paths.benchmark(paths.inputs),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("digest_inputs"),
        files=[*map(str, INPUTS)],
        # Folders are no input files (see source_files): a digest tells of a change.
        # Not evaluated before the job is wanted: digesting reads the files.
        folders=lambda wildcards: [
            folder for name in study.datasets if (folder := user_folder(name))
        ]
        + [path for path in UNLABELLED.values() if user_files.folder(path)],
        contents=lambda wildcards: {
            name: user_state(name)
            for name, dataset in study.datasets.items()
            if dataset.options.get("path")
        }
        | {path: user_files.state(path) for path in UNLABELLED.values()},
    script:
        "../scripts/digest_inputs.py"


rule write_report:
    """The report as one HTML file, and the answer as text."""
    input:
        tables=[f"{paths.table(name)}.parquet" for name in REPORTED],
        runs=f"{paths.table('runs')}.parquet",
        inputs=paths.inputs,
        figures=[f"{paths.figure(name)}.svg" for name in FIGURES],
        images=expand(paths.images, dataset=study.datasets),
    output:
        html=report(paths.report, caption="../report/report.rst", category="The answer"),
        answer=paths.answer,
        answer_json=paths.answer_json,
    log:
        paths.log(paths.report),
        paths.benchmark(paths.report),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("write_report", *TEMPLATES),
        # As a function: `snakemake --lint` takes the output's path in a parameter for a prefix.
        report=lambda wildcards: paths.report,
        metric=study.metric,
        sharing=SHARING,
        datasets=list(study.datasets),
        models={name: paths.model.format(dataset=name) for name in MODELS},
        planned_costs=lambda wildcards: planned_costs(
            study,
            {
                name: len(user_files.contents(folder))
                for name in TRANSFER
                if (folder := user_folder(name))
            },
        ),
        tables=lambda wildcards: [
            origins.origin_of(
                f"{paths.table(name)}.csv", workflow.rules, paths.report, stored
            )
            for name in REPORTED
        ],
        figures=lambda wildcards: [
            origins.origin_of(
                f"{paths.figure(name)}.svg", workflow.rules, paths.report, stored
            )
            for name in FIGURES
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


# Nothing depends on this rule: its output contains the time of the run, so it always differs.
rule describe_run:
    """The RO-Crate: code, config, packages, machine, and the digest of every file."""
    input:
        made=[
            *rules.tables.input,
            *rules.figures.input,
            *[paths.report, paths.answer, paths.answer_json],
        ],
        runs=f"{paths.table('runs')}.parquet",
        cost=f"{paths.table('cost')}.parquet",
        inputs=paths.inputs,
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
        **code_of("describe_run", WORKFLOW.parent / "CITATION.cff"),
        config=complete(config),
        sharing=SHARING,
        datasets=list(study.datasets),
    script:
        "../scripts/describe_run.py"
