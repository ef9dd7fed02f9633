from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import predictions
    from transfer_gain.evaluation.options import options

    files, params = snakemake.input, snakemake.params
    table = options(
        store.read_rows(files.selected),
        predictions.read(params.datasets, files.predictions),
        metrics.metric(params.metric),
        store.read_rows(files.scores),
        store.read_rows(files.forecast),
        controls=params.controls,
        untried=params.untried,
        minutes_per_label=params.minutes_per_label,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
