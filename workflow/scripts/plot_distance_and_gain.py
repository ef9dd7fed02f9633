from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import figures, one_shot_figures, store

    gains = store.read_rows(snakemake.input.gains)
    figure = one_shot_figures.plot_distance_and_gain(
        store.read_rows(snakemake.input.similarity),
        gains[gains["backbone"] == snakemake.params.backbone],
    )
    figures.save(figure, *snakemake.output)
