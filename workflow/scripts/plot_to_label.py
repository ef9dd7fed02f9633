from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.contact_sheet import SHOWN, read_pictures
    from transfer_gain.reporting.figures.style import save
    from transfer_gain.reporting.figures.to_label import plot_to_label

    dataset = snakemake.wildcards.dataset
    listed = store.read_rows(snakemake.input.next_labels)
    listed = listed[listed["dataset"] == dataset]
    pictures = read_pictures(snakemake.input.images, listed["path"].head(SHOWN))
    save(plot_to_label(listed, pictures, dataset), *snakemake.output)
