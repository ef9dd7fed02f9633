from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import pandas as pd

    from transfer_gain.data import store
    from transfer_gain.evaluation import tables

    files = zip(
        snakemake.params.datasets,
        snakemake.input.images,
        snakemake.input.validation_roles,
        strict=True,
    )
    table = pd.concat(
        tables.classes(
            store.read_index(images),
            store.read_rows(roles),
            store.read_metadata(images),
            dataset,
            snakemake.params.get("class_weights", "none"),
            snakemake.params.larger.get(dataset, []),
        )
        for dataset, images, roles in files
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
