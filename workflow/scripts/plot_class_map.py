from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.class_map import plot_class_map
    from transfer_gain.reporting.figures.style import save

    table = store.read_rows(snakemake.input.similarity)
    save(plot_class_map(table, snakemake.params.seed), *snakemake.output)
