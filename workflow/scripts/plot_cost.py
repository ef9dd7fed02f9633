from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.evaluation import training_cost
    from transfer_gain.reporting.figures.cost import plot_cost
    from transfer_gain.reporting.figures.style import save

    names = [snakemake.wildcards.dataset, snakemake.wildcards.protocol]
    rows = store.read_rows(snakemake.input.scores)
    rows = training_cost.training_cost(
        store.read_rows(snakemake.input.cost),
        rows[(rows[["dataset", "protocol"]] == names).all(axis=1)],
        store.read_rows(snakemake.input.fractions),
    )
    save(plot_cost(rows, metrics.metric(snakemake.params.metric)), *snakemake.output)
