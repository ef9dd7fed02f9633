from transfer_gain import figures, job, one_shot_figures, store

with job.logged(snakemake.log[0]):
    gains = store.read_rows(snakemake.input.gains)
    figure = one_shot_figures.plot_distance_and_gain(
        store.read_rows(snakemake.input.similarity),
        gains[gains["backbone"] == snakemake.params.backbone],
    )
    figures.save(figure, *snakemake.output)
