from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.label_value import plot_label_value
    from transfer_gain.reporting.figures.style import save

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.label_value)
    rows = rows[(rows[["dataset", "protocol"]] == names).all(axis=1)]
    save(plot_label_value(rows, metrics.metric(snakemake.params.metric)), *snakemake.output)
