from transfer_gain import job, store, tables

with job.logged(snakemake.log[0]):
    skipped = {
        dataset: store.read_metadata(path)["skipped"]
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.images, strict=True)
    }
    store.write_table(tables.skipped(skipped), snakemake.output.csv, snakemake.output.parquet)
