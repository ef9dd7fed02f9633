from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.samples import plot_samples
    from transfer_gain.reporting.figures.style import save

    images = snakemake.input.images
    index = store.read_index(images)
    training = index[index["split"] == store.TRAINING]
    shown = training.groupby("label").head(snakemake.params.per_class)
    figure = plot_samples(
        shown,
        store.read_arrays(images, shown.index.to_numpy()),
        store.read_metadata(images)["classes"],
        snakemake.wildcards.dataset,
    )
    save(figure, *snakemake.output)
