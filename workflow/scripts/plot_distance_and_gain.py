from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting import few_shot_figures, figures

    gains = store.read_rows(snakemake.input.gains)
    figure = few_shot_figures.plot_distance_and_gain(
        store.read_rows(snakemake.input.similarity),
        gains[gains["backbone"] == snakemake.params.backbone],
    )
    figures.save(figure, *snakemake.output)
