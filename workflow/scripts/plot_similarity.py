from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.similarity import plot_similarity
    from transfer_gain.reporting.figures.style import save

    figure = plot_similarity(store.read_rows(snakemake.input.similarity))
    save(figure, *snakemake.output)
