from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.evaluation import backbone_ranks

    backbone_ranks.score_files(
        snakemake.input.features,
        snakemake.input.samples,
        snakemake.output[0],
        names=snakemake.wildcards,
    )
