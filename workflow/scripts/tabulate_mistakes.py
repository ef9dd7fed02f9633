from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import mistakes, predictions

    params, files = snakemake.params, snakemake.input
    table = mistakes.tabulate(
        snakemake.wildcards.table,
        predictions.read(params.datasets, files.predictions),
        {
            dataset: store.read_metadata(path)["classes"]
            for dataset, path in zip(params.datasets, files.images, strict=True)
        },
        store.read_rows(files.scores),
        metrics.metric(params.metric),
        params.controls,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
