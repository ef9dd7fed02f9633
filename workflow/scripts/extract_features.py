from transfer_gain import job

with job.logged(snakemake.log[0]):
    from transfer_gain import backbones, devices  # TensorFlow greets: into the log

    devices.configure(gpu=snakemake.resources.gpu > 0, calls=snakemake.threads)
    backbone = snakemake.params.backbone
    backbones.extract(
        snakemake.input.images,
        snakemake.input.weights or None,
        snakemake.output[0],
        architecture=backbone["architecture"],
        layer=backbone["layer"],
        input_size=backbone["input_size"],
        precision=snakemake.params.precision,
        threads=snakemake.threads,
        seed=snakemake.params.seed,
    )
