from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, one_shot_figures, store

    figure = one_shot_figures.plot_similarity(store.read_rows(snakemake.input.similarity))
    figures.save(figure, *snakemake.output)
