from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.contact_sheet import SHOWN, read_pictures
    from transfer_gain.reporting.figures.mistakes import plot_mistakes
    from transfer_gain.reporting.figures.style import save

    dataset = snakemake.wildcards.dataset
    mistakes = store.read_rows(snakemake.input.mistakes)
    mistakes = mistakes[mistakes["dataset"] == dataset]
    pictures = read_pictures(snakemake.input.images, mistakes["image_id"].head(SHOWN))
    save(plot_mistakes(mistakes, pictures, dataset), *snakemake.output)
