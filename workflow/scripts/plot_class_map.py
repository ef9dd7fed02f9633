from transfer_gain import figures, job, one_shot_figures, store

with job.logged(snakemake.log[0]):
    table = store.read_rows(snakemake.input.similarity)
    figures.save(one_shot_figures.plot_class_map(table, snakemake.params.seed), *snakemake.output)
