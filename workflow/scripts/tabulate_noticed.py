from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables

    name = snakemake.wildcards.table
    found = {
        dataset: store.read_metadata(path)[name]
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.images, strict=True)
    }
    table = tables.noticed(name, found)
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
