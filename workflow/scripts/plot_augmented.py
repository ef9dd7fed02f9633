from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting import figures

    images = store.read_arrays(snakemake.input.images)
    figure = figures.plot_augmented(images, snakemake.wildcards.dataset)
    figures.save(figure, *snakemake.output)
