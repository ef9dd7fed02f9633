from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.mistakes import SHOWN, plot_mistakes
    from transfer_gain.reporting.figures.style import save

    images, dataset = snakemake.input.images, snakemake.wildcards.dataset
    row_of_image = store.read_index(images).reset_index().set_index("image_id")["index"]
    mistakes = store.read_rows(snakemake.input.mistakes)
    mistakes = mistakes[mistakes["dataset"] == dataset]
    rows = row_of_image[mistakes["image_id"].head(SHOWN)].to_numpy()
    figure = plot_mistakes(mistakes, store.read_arrays(images, rows), dataset)
    save(figure, *snakemake.output)
