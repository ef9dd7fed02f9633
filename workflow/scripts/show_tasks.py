from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.few_shot import inputs, siamese
    from transfer_gain.few_shot.tasks import UNSEEN
    from transfer_gain.training import devices

    devices.configure(gpu=False)

    data = inputs.read(
        snakemake.input.features,
        snakemake.input.features,
        seed_names=(snakemake.params.seed, snakemake.params.target),
        **snakemake.params.draws,
    )
    network = siamese.read_network(snakemake.input.network)
    shown = siamese.show_tasks(network, data, UNSEEN, snakemake.params.tasks)
    store.write_rows(shown, snakemake.output[0])
