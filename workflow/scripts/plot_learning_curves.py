from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store, tables

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.accuracy)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    chance = tables.chance_of(store.read_index(snakemake.input.images))
    figures.save(figures.plot_learning_curves(rows, chance), *snakemake.output)
