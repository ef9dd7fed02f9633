from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import few_shot_tables
    from transfer_gain.evaluation.published import PUBLISHED
    from transfer_gain.reporting.figures.one_shot import plot_one_shot
    from transfer_gain.reporting.figures.style import save

    approach = snakemake.wildcards.approach
    rows = store.read_rows(snakemake.input.one_shot)
    published = few_shot_tables.read_published(PUBLISHED)
    figure = plot_one_shot(
        rows[rows["approach"] == approach], published[published["approach"] == approach]
    )
    save(figure, *snakemake.output)
