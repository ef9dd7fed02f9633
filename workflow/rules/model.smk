# The model of each dataset of one's own: the best method, trained once more on all labeled images.

MODELS = jobs.models(study)


rule models:
    """The models of your own images."""
    input:
        expand(f"{paths.model}/MODEL_CARD.md", dataset=MODELS),


rule rank_methods:
    """The methods of a dataset, the one to recommend first, and their configurations."""
    input:
        scores=f"{paths.table(study.metric)}.parquet",
        selected=f"{paths.table('selected')}.parquet",
    output:
        paths.candidates,
    log:
        paths.log(paths.candidates),
        paths.benchmark(paths.candidates),
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("rank_methods"),
        metric=study.metric,
        controls=list(study.controls()),
    script:
        "../scripts/rank_methods.py"


rule train_model:
    """The best method, trained on all labeled images, as Keras and ONNX."""
    input:
        candidates=paths.candidates,
        images=lambda wildcards: sorted(
            set(jobs.images_by_backbone(study, wildcards.dataset).values())
        ),
        features=lambda wildcards: jobs.features_by_backbone(
            study, wildcards.dataset
        ).values(),
        weights=[weights_file(each) for each in jobs.trained_backbones(study)],
    output:
        keras=f"{paths.model}/model.keras",
        onnx=f"{paths.model}/model.onnx",
        features=f"{paths.model}/training_features.npy",
        description=f"{paths.model}/model.json",
    log:
        paths.log(paths.model),
        paths.benchmark(paths.model),
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=1,
        mem_mb=growing(6000),
        runtime=minutes("train_model"),
    params:
        **code_of("train_model"),
        metric=study.metric,
        seed=study.seed,
        settings=lambda wildcards: study.datasets[wildcards.dataset].settings(),
        images=lambda wildcards: stored(
            jobs.images_by_backbone(study, wildcards.dataset)
        ),
        features=lambda wildcards: stored(
            jobs.features_by_backbone(study, wildcards.dataset)
        ),
        backbones={
            name: {
                "cut": study.backbones[name].cut,
                "weights": stored(weights_file(name)),
                "fine_tuning": study.fine_tuning_of(name),
            }
            for name in jobs.trained_backbones(study)
        },
        recipe=lambda wildcards: {
            "settings": HEAD_SETTINGS | STOPPING | {"epochs": study.heads.epochs},
            "network": study.baseline.network.settings(),
            "ranges": study.augmentation_of(wildcards.dataset).settings(),
            "copies": study.transfer_augmented.copies,
        },
    script:
        "../scripts/train_model.py"


rule write_model_card:
    """What a model is, what to expect of it, and how to use it, on one page."""
    input:
        description=f"{paths.model}/model.json",
    output:
        f"{paths.model}/MODEL_CARD.md",
    log:
        paths.log(f"{paths.model}/MODEL_CARD"),
        paths.benchmark(f"{paths.model}/MODEL_CARD"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        **code_of("write_model_card"),
    script:
        "../scripts/write_model_card.py"
