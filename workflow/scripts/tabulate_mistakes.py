from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import mistakes

    params, files = snakemake.params, snakemake.input
    read = {"predictions": store.read_rows, "images": store.read_metadata}
    predictions, images = (
        dict(zip(params.datasets, map(read[name], files[name]), strict=True)) for name in read
    )
    table = mistakes.tabulate(
        snakemake.wildcards.table,
        predictions,
        {dataset: about["classes"] for dataset, about in images.items()},
        store.read_rows(files.scores),
        metrics.metric(params.metric),
        params.controls,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
