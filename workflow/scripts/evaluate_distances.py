from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import embeddings

    variant = snakemake.wildcards.variant
    embeddings.evaluate_files(
        snakemake.input.trained_on,
        snakemake.input.tested_on,
        snakemake.output.history,
        snakemake.output.few_shot,
        methods=embeddings.CONTROLS if variant == "controls" else [variant],
        names=snakemake.params.names,
        study_seed=snakemake.params.seed,
        draws=snakemake.params.draws,
    )
