# The comparison: the selected runs of every method, their gains, the 2018 paper's hypotheses, the value
# of a label, what more labels will bring, and where the best method goes wrong.


rule comparison:
    """The comparison of methods: scores, gains, hypotheses, label value, forecast, mistakes."""
    input:
        [
            paths.table(name) + ending
            for name in ["selected", *COMPARISON, "forecast", "options", *MISTAKES]
            for ending in (".csv", ".parquet")
        ],


rule tabulate_selected:
    """The selected run of every method, one row per replicate."""
    input:
        runs=f"{paths.table('runs')}.parquet",
        fractions=f"{paths.table('fractions')}.parquet",
    output:
        **table_files("selected"),
    log:
        paths.log(paths.table("selected")),
        paths.benchmark(paths.table("selected")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_selected"),
        metric=study.metric,
    script:
        "../scripts/tabulate_selected.py"


rule gather_predictions:
    """What the selected runs of a dataset predict for the images that score them."""
    input:
        predictions=lambda wildcards: job_lists.predictions(study, wildcards.dataset),
        selected=f"{paths.table('selected')}.parquet",
        validation_roles=paths.validation_roles,
        images=paths.images,
    output:
        paths.predictions,
    log:
        paths.log(paths.predictions),
        paths.benchmark(paths.predictions),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("gather_predictions"),
    script:
        "../scripts/gather_predictions.py"


rule tabulate_comparison:
    """Scores, gains, hypotheses and the value of a label."""
    input:
        selected=f"{paths.table('selected')}.parquet",
        predictions=expand(paths.predictions, dataset=TRANSFER),
    output:
        **table_files("{table}"),
    log:
        paths.log(paths.table("{table}")),
        paths.benchmark(paths.table("{table}")),
    wildcard_constraints:
        table="|".join(COMPARISON),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_comparison", PUBLISHED),
        datasets=TRANSFER,
        metric=study.metric,
        controls=study.controls(),
        contrast=study.contrast,
        sources=SOURCES_OF_SCORES,
        published_backbones=PUBLISHED_BACKBONES,
    script:
        "../scripts/tabulate_comparison.py"


rule tabulate_mistakes:
    """Results per class, and what the best method confuses, is too sure of and gets wrong."""
    input:
        scores=f"{paths.table(study.metric)}.parquet",
        predictions=expand(paths.predictions, dataset=TRANSFER),
        images=expand(paths.images, dataset=TRANSFER),
    output:
        **table_files("{table}"),
    log:
        paths.log(paths.table("{table}")),
        paths.benchmark(paths.table("{table}")),
    wildcard_constraints:
        table="|".join(MISTAKES),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_mistakes"),
        datasets=TRANSFER,
        metric=study.metric,
        controls=list(study.controls()),
    script:
        "../scripts/tabulate_mistakes.py"


rule tabulate_forecast:
    """The scores that methods are expected to reach with more labels."""
    input:
        selected=f"{paths.table('selected')}.parquet",
        predictions=expand(paths.predictions, dataset=TRANSFER),
    output:
        **table_files("forecast"),
    log:
        paths.log(paths.table("forecast")),
        paths.benchmark(paths.table("forecast")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_forecast"),
        datasets=TRANSFER,
        metric=study.metric,
        seed=study.seed,
        target=study.target_accuracy,
    script:
        "../scripts/tabulate_forecast.py"


rule tabulate_options:
    """What can be done next: the recommended method, the others, more labels."""
    input:
        selected=f"{paths.table('selected')}.parquet",
        predictions=expand(paths.predictions, dataset=TRANSFER),
        scores=f"{paths.table(study.metric)}.parquet",
        forecast=f"{paths.table('forecast')}.parquet",
    output:
        **table_files("options"),
    log:
        paths.log(paths.table("options")),
        paths.benchmark(paths.table("options")),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("tabulate_options"),
        datasets=TRANSFER,
        metric=study.metric,
        controls=list(study.controls()),
        untried=records.untried(study),
        minutes_per_label=study.minutes_per_label,
    script:
        "../scripts/tabulate_options.py"
