from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.accuracy import plot_accuracy
    from transfer_gain.reporting.figures.style import save

    figure = plot_accuracy(
        store.read_rows(snakemake.input.best), store.read_rows(snakemake.input.fractions)
    )
    save(figure, *snakemake.output)
