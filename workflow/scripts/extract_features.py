from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    if shards := snakemake.input.get("shards"):
        from transfer_gain.data import store

        store.gather_arrays(shards, snakemake.output[0])
    else:
        from transfer_gain.features import extraction
        from transfer_gain.training import devices

        devices.configure(gpu=snakemake.resources.gpu > 0, calls=snakemake.threads)
        copies = snakemake.params.get("copies")
        number, count = snakemake.wildcards.get("scatteritem", "1-of-1").split("-of-")
        extraction.extract(
            snakemake.input.images,
            snakemake.input.weights or None,
            snakemake.output[0],
            **snakemake.params.backbone,
            precision=snakemake.params.precision,
            threads=snakemake.threads,
            seed=snakemake.params.seed,
            samples=snakemake.input.samples,
            copies=extraction.Copies(**copies) if copies else None,
            shard=(int(number), int(count)),
        )
