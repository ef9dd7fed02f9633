from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import selection

    runs = store.read_rows(snakemake.input.runs)
    selected = selection.select_heads(runs, metrics.metric(snakemake.params.metric))
    store.write_rows(selected, snakemake.output[0])
