from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.style import save
    from transfer_gain.reporting.figures.to_label import SHOWN, plot_to_label

    images, dataset = snakemake.input.images, snakemake.wildcards.dataset
    row_of_image = store.read_index(images).reset_index().set_index("image_id")["index"]
    listed = store.read_rows(snakemake.input.next_labels)
    listed = listed[listed["dataset"] == dataset]
    rows = row_of_image[listed["path"].head(SHOWN)].to_numpy()
    save(plot_to_label(listed, store.read_arrays(images, rows), dataset), *snakemake.output)
