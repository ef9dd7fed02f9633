from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import selection, store

    runs = store.read_rows(snakemake.input.runs)
    with store.written_whole(snakemake.output[0]) as output:
        selection.select_heads(runs).to_csv(output, index=False)
