from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.distance_and_gain import plot_distance_and_gain
    from transfer_gain.reporting.figures.style import save

    gains = store.read_rows(snakemake.input.gains)
    figure = plot_distance_and_gain(
        store.read_rows(snakemake.input.similarity),
        gains[gains["backbone"] == snakemake.params.backbone],
    )
    save(figure, *snakemake.output)
