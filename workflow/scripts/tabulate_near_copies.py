from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables

    pairs = {
        dataset: store.read_metadata(path)["near_copies"]
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.images, strict=True)
    }
    store.write_table(tables.near_copies(pairs), snakemake.output.csv, snakemake.output.parquet)
