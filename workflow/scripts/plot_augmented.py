from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store

    images = store.read_arrays(snakemake.input.images)
    figure = figures.plot_augmented(images, snakemake.wildcards.dataset)
    figures.save(figure, *snakemake.output)
