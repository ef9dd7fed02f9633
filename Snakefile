# How much does transfer learning buy you on a small image dataset?
# This file lists the parts. The rules are in workflow/rules/, the computations in workflow/transfer_gain/.
from snakemake.utils import min_version

min_version("9.27")


# A study given by --configfile is complete: config.yaml is not merged into it.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/ranks.smk"
include: "workflow/rules/next_labels.smk"
include: "workflow/rules/heads.smk"
include: "workflow/rules/scratch.smk"
include: "workflow/rules/first_answer.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/messages.smk"


if study.one_shot:

    include: "workflow/rules/one_shot.smk"


rule all:
    """Every table and figure, the report, the models and first answers of your own images."""
    default_target: True
    input:
        rules.first_answers.input,
        rules.tables.input,
        rules.figures.input,
        rules.report.input,
        rules.models.input,
