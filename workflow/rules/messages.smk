# What a user is told: before, what will be done; after, the answer, or where to look.


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
