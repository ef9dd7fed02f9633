from transfer_gain import figures, job, store

with job.logged(snakemake.log[0]):
    figure = figures.plot_long_runs(store.read_rows(snakemake.input.history))
    figures.save(figure, *snakemake.output)
