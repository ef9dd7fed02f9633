from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import comparison, predictions
    from transfer_gain.evaluation.published import PUBLISHED

    table = comparison.tabulate(
        snakemake.wildcards.table,
        store.read_rows(snakemake.input.selected),
        predictions.read(snakemake.params.datasets, snakemake.input.predictions),
        metrics.metric(snakemake.params.metric),
        published=PUBLISHED,
        sources=snakemake.params.sources,
        backbones=snakemake.params.published_backbones,
        controls=snakemake.params.controls,
        contrast=snakemake.params.contrast,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
