from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.one_shot_methods import plot_one_shot_methods
    from transfer_gain.reporting.figures.style import save

    rows = store.read_rows(snakemake.input.summary)
    rows = rows[rows["approach"] == snakemake.wildcards.approach]
    save(plot_one_shot_methods(rows), *snakemake.output)
