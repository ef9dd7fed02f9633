from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, one_shot_figures, store

    table = store.read_rows(snakemake.input.similarity)
    figures.save(one_shot_figures.plot_class_map(table, snakemake.params.seed), *snakemake.output)
