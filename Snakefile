# Snakemake reads this file in a checkout. The workflow itself is in workflow/Snakefile, where other
# workflows and the Snakemake workflow catalog look for it.
include: "workflow/Snakefile"


rule study:
    """Everything: the same as `all`. An included file sets no default."""
    default_target: True
    input:
        rules.all.input,
