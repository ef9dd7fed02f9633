from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import selection

    runs = store.read_rows(snakemake.input.runs)
    store.write_rows(selection.select_heads(runs), snakemake.output[0])
