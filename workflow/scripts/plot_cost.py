from transfer_gain import figures, job, store, verdict

with job.logged(snakemake.log[0]):
    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.accuracy)
    rows = verdict.training_cost(
        store.read_rows(snakemake.input.cost),
        rows[(rows[["dataset", "protocol"]] == names).all(axis=1)],
        store.read_rows(snakemake.input.sizes),
    )
    figures.save(figures.plot_cost(rows), *snakemake.output)
