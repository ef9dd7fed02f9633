from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import recommendation

    candidates = recommendation.candidates(
        store.read_rows(snakemake.input.scores),
        store.read_rows(snakemake.input.selected),
        snakemake.wildcards.dataset,
        metrics.metric(snakemake.params.metric),
        snakemake.params.controls,
    )
    store.write_rows(candidates, snakemake.output[0])
