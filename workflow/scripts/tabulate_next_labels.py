from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    import pandas as pd

    from transfer_gain import metrics
    from transfer_gain.data import store
    from transfer_gain.labelling import next_labels
    from transfer_gain.labelling.backbone_choice import chosen_backbone

    params, files = snakemake.params, snakemake.input
    metric = metrics.metric(params.metric)
    parts = []
    for dataset, unlabelled, test in zip(
        params.datasets, files.unlabelled, files.tests, strict=True
    ):
        backbone = chosen_backbone(params.scores[dataset], params.backbones, metric)
        parts.append(
            next_labels.next_labels_files(
                params.features[dataset][backbone],
                unlabelled,
                test,
                dataset=dataset,
                backbone=backbone,
                penalties=params.penalties,
                seed=params.seed,
                class_weights=params.get("class_weights", "none"),
            )
        )
    table = pd.concat(parts, ignore_index=True)
    store.write_table(table, snakemake.output.csv, snakemake.output.parquet)
