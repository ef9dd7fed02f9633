# A first answer about your own images, from a few jobs that the study needs anyway and that run before
# the others: transfer by a linear probe against training from scratch at one learning rate.


rule first_answers:
    """The first answers about your own images, written while the study goes on."""
    input:
        fill(paths.first_answer, FIRST_ANSWERS),


rule write_first_answer:
    input:
        runs=lambda wildcards: [
            file
            for folder in (paths.probe, paths.scratch)
            for file in fill(
                f"{folder}/runs.parquet", FIRST_ANSWERS, dataset=wildcards.dataset
            )
        ],
        predictions=lambda wildcards: [
            file
            for folder in (paths.probe, paths.scratch)
            for file in fill(
                f"{folder}/predictions.parquet",
                FIRST_ANSWERS,
                dataset=wildcards.dataset,
            )
        ],
        images=paths.images,
        validation_roles=paths.validation_roles,
    output:
        paths.first_answer,
    log:
        paths.log(paths.first_answer),
        paths.benchmark(paths.first_answer),
    priority: FIRST_ANSWER
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("write_first_answer"),
        metric=study.metric,
    script:
        "../scripts/write_first_answer.py"
