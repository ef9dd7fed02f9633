from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.gains)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    figures.save(figures.plot_gains(rows), *snakemake.output)
