from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store, verdict

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.accuracy)
    rows = verdict.training_cost(
        store.read_rows(snakemake.input.cost),
        rows[(rows[["dataset", "protocol"]] == names).all(axis=1)],
        store.read_rows(snakemake.input.sizes),
    )
    figures.save(figures.plot_cost(rows), *snakemake.output)
