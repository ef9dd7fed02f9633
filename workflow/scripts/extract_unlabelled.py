from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain import metrics
    from transfer_gain.data.fitting import Fit
    from transfer_gain.labelling import unlabelled
    from transfer_gain.labelling.backbone_choice import chosen_backbone
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0, calls=snakemake.threads)
    params = snakemake.params
    metric = metrics.metric(params.metric)
    network = params.networks[chosen_backbone(snakemake.input.scores, params.backbones, metric)]
    unlabelled.extract_files(
        params.path,
        network["labelled"],
        snakemake.output,
        dataset=snakemake.wildcards.dataset,
        how=Fit.of(params.settings),
        weights=network["weights"],
        cut=network["cut"],
        precision=params.precision,
        threads=snakemake.threads,
    )
