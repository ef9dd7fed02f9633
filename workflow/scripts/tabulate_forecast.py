from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import predictions
    from transfer_gain.evaluation.forecast import forecast

    table = forecast(
        store.read_rows(snakemake.input.selected),
        predictions.read(snakemake.params.datasets, snakemake.input.predictions),
        metrics.metric(snakemake.params.metric),
        snakemake.params.seed,
        snakemake.params.target,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
