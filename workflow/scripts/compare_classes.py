from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import devices, one_shot, siamese, store

    devices.configure(gpu=False)

    files = dict(zip(snakemake.params.datasets, snakemake.input.features, strict=True))
    samples = one_shot.read_classes(files, snakemake.params.per_class, snakemake.params.seed)
    network = siamese.read_network(snakemake.input.network)
    store.write_rows(siamese.compare_classes(network, samples), snakemake.output[0])
