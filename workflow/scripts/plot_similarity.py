from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting import few_shot_figures, figures

    figure = few_shot_figures.plot_similarity(store.read_rows(snakemake.input.similarity))
    figures.save(figure, *snakemake.output)
