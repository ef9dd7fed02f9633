from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.labelling import replay
    from transfer_gain.labelling.backbone_choice import chosen_backbone

    params = snakemake.params
    metric = metrics.metric(params.metric)
    backbone = chosen_backbone(snakemake.input.scores, params.backbones, metric)
    replay.replay_files(
        params.features[backbone],
        snakemake.output[0],
        dataset=snakemake.wildcards.dataset,
        backbone=backbone,
        metric=metric,
        penalties=params.penalties,
        seed=params.seed,
        class_weights=params.get("class_weights", "none"),
    )
