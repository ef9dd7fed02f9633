from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.few_shot import inputs, siamese
    from transfer_gain.training import devices

    devices.configure(gpu=False)

    files = dict(zip(snakemake.params.datasets, snakemake.input.features, strict=True))
    samples = inputs.read_classes(files, snakemake.params.per_class, snakemake.params.seed)
    network = siamese.read_network(snakemake.input.network)
    store.write_rows(siamese.compare_classes(network, samples), snakemake.output[0])
