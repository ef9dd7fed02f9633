from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, one_shot_figures, store

    rows = store.read_rows(snakemake.input.summary)
    rows = rows[rows["approach"] == snakemake.wildcards.approach]
    figures.save(one_shot_figures.plot_methods(rows), *snakemake.output)
