from transfer_gain import figures, job, store

with job.logged(snakemake.log[0]):
    figure = figures.plot_accuracy(
        store.read_rows(snakemake.input.best), store.read_rows(snakemake.input.sizes)
    )
    figures.save(figure, *snakemake.output)
