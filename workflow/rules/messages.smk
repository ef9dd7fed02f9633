# What a user is told: before, what will be done; after, the answer, or where to look.

from transfer_gain import plan


def images_seen(job):
    """Return roughly how many images a job trains on or reads, each as often as it does."""
    dataset = study.datasets.get(job.wildcards.get("dataset"))
    if dataset is None or job.rule.name not in plan.COSTS:
        return 0
    # How many a folder has is known only once it is read.
    classes = dataset.class_count or 5
    training = classes * (dataset.training_per_class or 100)
    if "size" not in job.wildcards.keys():
        return training + classes * (dataset.validation_per_class or 0)
    drawn = training * float(job.wildcards.size)
    updates = study.heads.min_updates * study.heads.batch_size
    replicates = study.replicates(job.wildcards.size)
    return replicates * max(study.heads.epochs * drawn, updates)


onstart:
    jobs = [
        (job.rule.name, images_seen(job)) for job in workflow.dag.needrun_jobs()
    ]
    print(plan.describe(jobs, workflow.cores), file=sys.stderr, flush=True)


onsuccess:
    # Only a run that made the report has its answer.
    if {"all", "report", "report_html", paths.report} & set(
        workflow.dag_settings.targets or ["all"]
    ):
        print(Path(paths.answer).read_text(), end="")


onerror:
    print(
        f"Something failed: the logs are under {paths.results}/logs/, the failed job's is shown "
        "above. Once it is mended, the same command goes on from here.",
        file=sys.stderr,
    )
