from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables
    from transfer_gain.reporting.figures.grid import plot_grid
    from transfer_gain.reporting.figures.style import save

    metric = metrics.metric(snakemake.params.metric)
    chance = tables.chance_of(
        store.read_index(snakemake.input.images),
        metric,
        store.read_rows(snakemake.input.validation_roles),
    )
    figure = plot_grid(store.read_rows(snakemake.input.runs), chance, metric)
    save(figure, *snakemake.output)
