# What a user is told: before, what will be done; after, the answer, or where to look.


onstart:
    jobs = {
        workflow.dag.jobid(job): (job.rule.name, images_seen(job))
        for job in workflow.dag.needrun_jobs()
    }
    print(plan.describe(jobs.values(), workflow.cores), file=sys.stderr, flush=True)
    for bar in progress_bars():
        bar.expect(
            {number: plan.seconds([job]) for number, job in jobs.items()},
            workflow.cores,
        )


onsuccess:
    for bar in progress_bars():
        bar.end()
    # Only a run that made the report has its answer.
    if {"all", "report", "report_html", paths.report} & set(
        workflow.dag_settings.targets or ["all"]
    ):
        print(Path(paths.answer).read_text(), end="")


onerror:
    for bar in progress_bars():
        bar.end()
    print(
        f"Something failed, see above; all logs are under {paths.results}/logs/. Once it is mended, "
        "the same command goes on from here.",
        file=sys.stderr,
    )
