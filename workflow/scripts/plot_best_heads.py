from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.best_heads import plot_best_heads
    from transfer_gain.reporting.figures.style import save

    figure = plot_best_heads(
        store.read_rows(snakemake.input.best),
        store.read_rows(snakemake.input.fractions),
        metrics.metric(snakemake.params.metric),
    )
    save(figure, *snakemake.output)
