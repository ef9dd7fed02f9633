from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, one_shot_figures, one_shot_tables, store

    approach = snakemake.wildcards.approach
    rows = store.read_rows(snakemake.input.one_shot)
    published = one_shot_tables.read_published(snakemake.input.published)
    figure = one_shot_figures.plot_one_shot(
        rows[rows["approach"] == approach], published[published["approach"] == approach]
    )
    figures.save(figure, *snakemake.output)
