from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import one_shot_tables, store

    table = one_shot_tables.tabulate(
        snakemake.wildcards.table,
        store.read_rows(snakemake.input.history),
        store.read_rows(snakemake.input.few_shot),
        snakemake.input.published,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
