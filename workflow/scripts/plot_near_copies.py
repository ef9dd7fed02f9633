from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.contact_sheet import read_pictures
    from transfer_gain.reporting.figures.near_copies import SHOWN, plot_near_copies
    from transfer_gain.reporting.figures.style import save

    images, dataset = snakemake.input.images, snakemake.wildcards.dataset
    pairs = store.read_rows(snakemake.input.near_copies)
    # Images that were left out are not in the file.
    names = store.read_index(images)["image_id"].to_numpy()
    there = pairs[["path", "other"]].isin(names).all(axis=1)
    shown = pairs[there & (pairs["dataset"] == dataset)].head(SHOWN)
    pixels = read_pictures(images, shown[["path", "other"]].to_numpy().ravel())
    figure = plot_near_copies(shown, pixels.reshape(len(shown), 2, *pixels.shape[1:]), dataset)
    save(figure, *snakemake.output)
