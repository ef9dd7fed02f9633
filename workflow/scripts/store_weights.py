from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import shutil

    shutil.copyfile(snakemake.input[0], snakemake.output[0])
