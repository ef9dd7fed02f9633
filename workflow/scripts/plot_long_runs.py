from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store

    figure = figures.plot_long_runs(store.read_rows(snakemake.input.history))
    figures.save(figure, *snakemake.output)
