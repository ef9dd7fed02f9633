from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import selection

    fractions = store.read_rows(snakemake.input.fractions)
    selected = selection.select_runs(
        store.read_rows(snakemake.input.runs),
        fractions[["dataset", "fraction", "training_per_class"]],
        metrics.metric(snakemake.params.metric),
    )
    store.write_table(selected, snakemake.output.csv, snakemake.output.parquet)
