from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.style import save
    from transfer_gain.reporting.figures.tasks import plot_tasks

    images, tasks = snakemake.input.images, store.read_rows(snakemake.input.tasks)
    row_of_image = store.read_index(images).reset_index().set_index("image_id")["index"]
    figure = plot_tasks(
        tasks,
        store.read_arrays(images, row_of_image[tasks["image_id"]].to_numpy()),
        store.read_metadata(images)["classes"],
        snakemake.params.target,
    )
    save(figure, *snakemake.output)
