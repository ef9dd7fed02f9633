from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting import figures

    figure = figures.plot_long_runs(store.read_rows(snakemake.input.history))
    figures.save(figure, *snakemake.output)
