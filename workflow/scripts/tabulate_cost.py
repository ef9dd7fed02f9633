from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import store, tables

    table = tables.cost(snakemake.params.jobs, snakemake.params.benchmarks)
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
