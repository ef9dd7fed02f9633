from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.reporting.figures.next_labels import plot_next_labels
    from transfer_gain.reporting.figures.style import save

    dataset = snakemake.wildcards.dataset
    rows = store.read_rows(snakemake.input.test)
    rows = rows[rows["dataset"] == dataset]
    metric = metrics.metric(snakemake.params.metric)
    save(plot_next_labels(rows, metric, dataset), *snakemake.output)
