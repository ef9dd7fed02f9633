from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.features import pretrained
    from transfer_gain.training import devices

    devices.configure(gpu=False)
    pretrained.fetch_weights(snakemake.params.architecture, snakemake.output[0])
