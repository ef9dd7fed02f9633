from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import selection, store

    runs = store.read_rows(snakemake.input.runs)
    store.write_rows(selection.select_heads(runs), snakemake.output[0])
