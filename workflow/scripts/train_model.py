from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from pathlib import Path

    from transfer_gain.data.fitting import Fit
    from transfer_gain.model import making
    from transfer_gain.runtime import provenance
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    params = snakemake.params
    making.make(
        snakemake.input.candidates,
        dict(snakemake.output.items()),
        dataset=snakemake.wildcards.dataset,
        metric=params.metric,
        seed=params.seed,
        how=Fit.of(params.settings),
        images=params.images,
        features=params.features,
        backbones=params.backbones,
        recipe=params.recipe,
        code=provenance.describe_code(Path(making.__file__).parents[3])["sha256"],
    )
