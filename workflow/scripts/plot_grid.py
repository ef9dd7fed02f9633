from transfer_gain import figures, job, store

with job.logged(snakemake.log[0]):
    chance = 1 / len(store.read_metadata(snakemake.input.images)["classes"])
    figure = figures.plot_grid(store.read_rows(snakemake.input.runs), chance)
    figures.save(figure, *snakemake.output)
