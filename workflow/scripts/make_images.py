from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import images, splits
    from transfer_gain.data.fitting import Fit
    from transfer_gain.data.sources.base import open_source

    settings = snakemake.params.settings
    size = int(snakemake.wildcards.get("size", settings["image_size"]))
    with open_source(
        settings["source"],
        snakemake.input.files,
        settings,
        snakemake.params.seed,
        snakemake.threads,
        size,
    ) as source:
        images.write_images(
            source,
            snakemake.output[0],
            dataset=settings["name"],
            training_per_class=settings["training_per_class"],
            validation_per_class=settings["validation_per_class"],
            how=Fit.of(settings)._replace(size=size),
            study_seed=snakemake.params.seed,
            unit=splits.unit_of(settings),
            cross_fitted=snakemake.params.cross_fitted,
            processes=snakemake.threads,
        )
