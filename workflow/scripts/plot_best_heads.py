from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting import figures

    figure = figures.plot_best_heads(
        store.read_rows(snakemake.input.best),
        store.read_rows(snakemake.input.fractions),
        metrics.metric(snakemake.params.metric),
    )
    figures.save(figure, *snakemake.output)
