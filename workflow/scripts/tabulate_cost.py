from transfer_gain import job, store, tables

with job.logged(snakemake.log[0]):
    table = tables.cost(snakemake.params.jobs, snakemake.params.benchmarks)
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
