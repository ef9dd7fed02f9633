from transfer_gain import figures, job, store

with job.logged(snakemake.log[0]):
    images = store.read_arrays(snakemake.input.images)
    figure = figures.plot_augmented(images, snakemake.wildcards.dataset)
    figures.save(figure, *snakemake.output)
