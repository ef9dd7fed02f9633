from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting import figures

    figure = figures.plot_accuracy(
        store.read_rows(snakemake.input.best), store.read_rows(snakemake.input.fractions)
    )
    figures.save(figure, *snakemake.output)
