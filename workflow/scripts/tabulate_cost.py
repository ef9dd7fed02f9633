from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import tables

    table = tables.cost(snakemake.params.jobs, snakemake.params.benchmarks)
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
