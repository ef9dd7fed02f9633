"""Why an unlabelled image is left out, if nothing is wrong with its file."""

LABELLED = "is among the labeled images"
COPY = "identical to "  # and the path of the other
