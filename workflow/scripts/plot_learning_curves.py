from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables
    from transfer_gain.reporting.figures.learning_curves import plot_learning_curves
    from transfer_gain.reporting.figures.style import save

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows, forecast = (
        table[(table[["dataset", "protocol"]] == names).all(axis=1)]
        for table in map(store.read_rows, (snakemake.input.scores, snakemake.input.forecast))
    )
    metric = metrics.metric(snakemake.params.metric)
    chance = tables.chance_of(
        store.read_index(snakemake.input.images),
        metric,
        store.read_rows(snakemake.input.validation_roles),
    )
    save(plot_learning_curves(rows, chance, metric, forecast), *snakemake.output)
