from transfer_gain import figures, job, store

with job.logged(snakemake.log[0]):
    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.label_value)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    figures.save(figures.plot_label_value(rows), *snakemake.output)
