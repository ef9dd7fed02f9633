from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store

    figure = figures.plot_accuracy(
        store.read_rows(snakemake.input.best), store.read_rows(snakemake.input.sizes)
    )
    figures.save(figure, *snakemake.output)
