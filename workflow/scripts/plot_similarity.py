from transfer_gain import figures, job, one_shot_figures, store

with job.logged(snakemake.log[0]):
    figure = one_shot_figures.plot_similarity(store.read_rows(snakemake.input.similarity))
    figures.save(figure, *snakemake.output)
