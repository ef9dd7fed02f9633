from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.near_copies import SHOWN, plot_near_copies
    from transfer_gain.reporting.figures.style import save

    images, dataset = snakemake.input.images, snakemake.wildcards.dataset
    row_of_image = store.read_index(images).reset_index().set_index("image_id")["index"]
    pairs = store.read_rows(snakemake.input.near_copies)
    # Images that were left out are not in the file.
    there = pairs[["path", "other"]].isin(row_of_image.index).all(axis=1)
    shown = pairs[there & (pairs["dataset"] == dataset)].head(SHOWN)
    rows = row_of_image[shown[["path", "other"]].to_numpy().ravel()].to_numpy()
    pixels = store.read_arrays(images, rows)
    figure = plot_near_copies(shown, pixels.reshape(len(shown), 2, *pixels.shape[1:]), dataset)
    save(figure, *snakemake.output)
