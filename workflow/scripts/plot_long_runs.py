from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.long_runs import plot_long_runs
    from transfer_gain.reporting.figures.style import save

    figure = plot_long_runs(store.read_rows(snakemake.input.history))
    save(figure, *snakemake.output)
