from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import backbones, devices

    devices.configure(gpu=False)
    backbones.fetch_weights(snakemake.params.architecture, snakemake.output[0])
