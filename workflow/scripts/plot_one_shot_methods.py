from transfer_gain import figures, job, one_shot_figures, store

with job.logged(snakemake.log[0]):
    rows = store.read_rows(snakemake.input.summary)
    rows = rows[rows["approach"] == snakemake.wildcards.approach]
    figures.save(one_shot_figures.plot_methods(rows), *snakemake.output)
