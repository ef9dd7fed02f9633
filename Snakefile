# How much does transfer learning buy you on a small image dataset?
# What is made; workflow/rules/ says how, and workflow/transfer_gain/ computes it.
from snakemake.utils import min_version

min_version("9.27")


# A study given by --configfile is complete: nothing of config.yaml is mixed in.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/heads.smk"
include: "workflow/rules/scratch.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/messages.smk"


if study.one_shot:

    include: "workflow/rules/one_shot.smk"


rule all:
    """Every table and figure, and the report."""
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.report.input,
