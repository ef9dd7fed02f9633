"""Names that files, tables and rules share; this module imports nothing."""

# How configurations are selected and scored: both on all validation images, as the 2018 paper did,
# or selected on one part of them (the selection set) and scored on the other (the test set).
SAME_IMAGES = "same-images"
HELD_OUT = "held-out"
PROTOCOLS = (SAME_IMAGES, HELD_OUT)

# The value of the column `backbone` for networks trained from scratch.
FROM_SCRATCH = "none"

# Values of a backbone's `weights` that are not paths.
IMAGENET = "imagenet"
RANDOM_WEIGHTS = "none"

# Methods that train a network from scratch: the baseline, the baseline with augmentation, and a
# weaker baseline, as the 2018 paper describes; and a residual network.
BASELINE = "baseline"
AUGMENTATION = "augmentation"
BASELINE_2018 = "baseline-2018"
RESNET_SCRATCH = "resnet-scratch"

# Methods that train a selected head again: with more updates, on augmented copies as well, and
# together with the last layers of its backbone.
TRANSFER_EXTENDED = "transfer-extended"
TRANSFER_AUGMENTED = "transfer-augmented"
FINE_TUNING = "fine-tuning"

# One-shot learning: the two approaches, numbered as in the 2018 paper.
FIRST = "first"  # trains on some classes of the target dataset, is tested on the others
SECOND = "second"  # trains on a related dataset, is tested on all classes of the target

# One-shot learning: what an epoch of the Siamese network is.
EPOCH_IS_BATCH = "batch"  # a single batch of pairs, as in the 2018 paper
EPOCH_IS_PASS = "pass"  # as many pairs as there are training images
EPOCH_UNITS = (EPOCH_IS_BATCH, EPOCH_IS_PASS)

# One-shot learning: the variant that stands for all methods without training.
CONTROLS = "controls"
# Variants that are trained by gradient descent; all others are fitted in closed form.
BY_GRADIENTS = ("supervised-contrastive", "prototypical", "near-identity")

# The number of classes of the faces: six expressions and neutral (FERG-DB, JAFFE, drawn faces).
EXPRESSIONS = 7
