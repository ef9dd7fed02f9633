from transfer_gain import job

with job.logged(snakemake.log[0]):
    from transfer_gain import backbones, devices  # TensorFlow greets: into the log

    devices.configure(gpu=False)
    backbones.fetch_weights(snakemake.params.architecture, snakemake.output[0])
