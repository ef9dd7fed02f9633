from transfer_gain import figures, job, store

with job.logged(snakemake.log[0]):
    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.accuracy)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    classes = len(store.read_metadata(snakemake.input.images)["classes"])
    figures.save(figures.plot_learning_curves(rows, chance=1 / classes), *snakemake.output)
