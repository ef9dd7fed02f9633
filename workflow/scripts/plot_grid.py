from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, store, tables

    chance = tables.chance_of(store.read_index(snakemake.input.images))
    figure = figures.plot_grid(store.read_rows(snakemake.input.runs), chance)
    figures.save(figure, *snakemake.output)
