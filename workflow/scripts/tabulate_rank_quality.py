from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import backbone_ranks

    table = backbone_ranks.rank_quality(
        store.read_rows(snakemake.input.ranks),
        store.read_rows(snakemake.input.selected),
        metrics.metric(snakemake.params.metric),
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
