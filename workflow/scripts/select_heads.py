from transfer_gain import job, selection, store

with job.logged(snakemake.log[0]), store.written_whole(snakemake.output[0]) as output:
    runs = store.read_rows(snakemake.input.runs)
    selection.select_heads(runs).to_csv(output, index=False)
