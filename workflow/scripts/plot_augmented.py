from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.augmented import plot_augmented
    from transfer_gain.reporting.figures.style import save

    images = store.read_arrays(snakemake.input.images)
    figure = plot_augmented(images, snakemake.wildcards.dataset)
    save(figure, *snakemake.output)
