from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import few_shot_tables
    from transfer_gain.evaluation.published import PUBLISHED

    table = few_shot_tables.tabulate(
        snakemake.wildcards.table,
        store.read_rows(snakemake.input.history),
        store.read_rows(snakemake.input.few_shot),
        PUBLISHED,
    )
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
