from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting import few_shot_figures, figures

    rows = store.read_rows(snakemake.input.summary)
    rows = rows[rows["approach"] == snakemake.wildcards.approach]
    figures.save(few_shot_figures.plot_methods(rows), *snakemake.output)
