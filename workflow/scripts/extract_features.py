from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import backbones, devices

    devices.configure(gpu=snakemake.resources.gpu > 0, calls=snakemake.threads)
    copies = snakemake.params.get("copies")
    backbones.extract(
        snakemake.input.images,
        snakemake.input.weights or None,
        snakemake.output[0],
        **snakemake.params.backbone,
        precision=snakemake.params.precision,
        threads=snakemake.threads,
        seed=snakemake.params.seed,
        samples=snakemake.input.samples,
        copies=backbones.Copies(**copies) if copies else None,
    )
