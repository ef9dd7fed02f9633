"""The paths of a study's files, and how numbers are written in them."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


def format_number(value: float) -> str:
    """Return a fraction or rate as paths and wildcards write it: shortest, without exponent.

    >>> format_number(0.001), format_number(1.0), format_number(0.00001)
    ('0.001', '1', '0.00001')
    """
    return f"{Decimal(repr(float(value))).normalize():f}"


@dataclass(frozen=True)
class Paths:
    """The paths of all files; braces are Snakemake wildcards.

    A path names the settings in which variants of a file differ. Everything else that a file
    depends on is in the `params` of its rule.
    """

    results: str
    precision: str

    fashion_mnist = tuple(
        f"resources/fashion-mnist/{part}"
        for part in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        )
    )
    solar_cells = ("resources/solar-cells/elpv_dataset-1.0.0.post1-py3-none-any.whl",)
    vgg16_weights = "resources/weights/vgg16-imagenet.npz"
    weights = "resources/weights/{architecture}.h5"
    weights_host = "resources/weights/host.json"

    def weights_of(self, architecture: str) -> str:
        """Return the path of a network's ImageNet weights."""
        if architecture == "VGG16":
            return self.vgg16_weights
        return self.weights.format(architecture=architecture)

    def own_weights(self, backbone: str, file: str) -> str:
        """Return the path of a user's file of weights in a store."""
        return f"{self.results}/weights/{backbone}{Path(file).suffix}"

    @property
    def images(self) -> str:
        """Return the path of a dataset's images."""
        return f"{self.results}/images/{{dataset}}.parquet"

    @property
    def larger_images(self) -> str:
        """Return the path of a dataset's images at a size above its `image_size`, for backbones."""
        return f"{self.results}/images/{{dataset}}/size={{size}}.parquet"

    @property
    def class_sizes(self) -> str:
        """Return the path of the sizes of a user's classes, as its files were listed."""
        return f"{self.results}/images/{{dataset}}.classes.json"

    @property
    def samples(self) -> str:
        """Return the path of a fraction's samples: the images that each replicate trains on."""
        return f"{self.results}/samples/{{dataset}}/fraction={{fraction}}.parquet"

    @property
    def validation_roles(self) -> str:
        """Return the path of the split of validation images into selection set and test set."""
        return f"{self.results}/samples/{{dataset}}/validation_roles.parquet"

    @property
    def features(self) -> str:
        """Return the path of a dataset's features."""
        return f"{self.results}/features/{self._dataset_backbone}.parquet"

    @property
    def shard(self) -> str:
        """Return the path of one part of a dataset's features, such as 2-of-4."""
        return f"{self.results}/features/{self._dataset_backbone}-shards/{{scatteritem}}.parquet"

    @property
    def head(self) -> str:
        """Return the folder of one head's `runs` and `history`."""
        return (
            f"{self.results}/heads/{self._dataset_backbone}/fraction={{fraction}}/"
            "layers={layers}/activation={activation}/learning_rate={learning_rate}/epochs={epochs}"
        )

    @property
    def scratch(self) -> str:
        """Return the folder of `runs` and `history` of some runs of a network from scratch."""
        return (
            f"{self.results}/scratch/{{dataset}}/{{method}}/fraction={{fraction}}/"
            "learning_rate={learning_rate}/epochs={epochs}/part={part}"
        )

    @property
    def example(self) -> str:
        """Return the path of one image with its augmented copies."""
        return f"{self.results}/images/augmented/{{dataset}}.parquet"

    @property
    def copies(self) -> str:
        """Return the path of the features of a fraction's augmented copies."""
        return (
            f"{self.results}/features/{self._dataset_backbone}-copies/fraction={{fraction}}.parquet"
        )

    @property
    def refit(self) -> str:
        """Return the folder of `runs` and `history` of a selected head that is trained again."""
        return (
            f"{self.results}/refits/{self._dataset_backbone}/{{method}}/"
            "fraction={fraction}/protocol={protocol}"
        )

    @property
    def fine_tuned(self) -> str:
        """Return the folder of `runs` and `history` of some fine-tuned backbones and heads."""
        return f"{self.refit}/part={{part}}"

    @property
    def ranked(self) -> str:
        """Return the path of a backbone's score before anything is trained, one row."""
        return f"{self.results}/ranks/{self._dataset_backbone}/fraction={{fraction}}.parquet"

    @property
    def probe(self) -> str:
        """Return the folder of the `runs` of a fraction's linear probes."""
        return f"{self.results}/probes/{self._dataset_backbone}/fraction={{fraction}}"

    @property
    def selection(self) -> str:
        """Return the path of the heads selected at a fraction, one row per protocol."""
        return f"{self.results}/selections/{self._dataset_backbone}/fraction={{fraction}}.parquet"

    @property
    def long_run(self) -> str:
        """Return the folder of a selected head's `runs` and `history` after more epochs."""
        return (
            f"{self.results}/long_runs/{self._dataset_backbone}/fraction={{fraction}}/"
            "protocol={protocol}/epochs={epochs}"
        )

    @property
    def predictions(self) -> str:
        """Return the path of what a dataset's selected runs predict."""
        return f"{self.results}/predictions/{{dataset}}.parquet"

    @property
    def candidates(self) -> str:
        """Return the path of a dataset's methods, the one to recommend first."""
        return f"{self.results}/selections/{{dataset}}/candidates.parquet"

    @property
    def model(self) -> str:
        """Return the folder of the model of a dataset, trained on all its labeled images."""
        return f"{self.results}/model/{{dataset}}"

    @property
    def unlabelled(self) -> str:
        """Return the folder of a dataset's unlabelled images, their features and the replay."""
        return f"{self.results}/unlabelled/{{dataset}}"

    @property
    def siamese(self) -> str:
        """Return the folder of one training of the 2018 paper's Siamese network."""
        return (
            f"{self.results}/one_shot/approach={{approach}}/siamese/batch={{batch}}/"
            "epoch_unit={epoch_unit}"
        )

    @property
    def one_shot_method(self) -> str:
        """Return the folder of the results of any other method of one-shot learning."""
        return f"{self.results}/one_shot/approach={{approach}}/{{variant}}"

    @property
    def tasks(self) -> str:
        """Return the path of example one-shot tasks with the Siamese network's answers."""
        return f"{self.results}/one_shot/tasks.parquet"

    @property
    def p_same(self) -> str:
        """Return the path of the Siamese network's probabilities that two classes are the same."""
        return f"{self.results}/one_shot/p_same.parquet"

    def table(self, name: str) -> str:
        """Return the path of a table, without its suffix."""
        return f"{self.results}/tables/{name}"

    def figure(self, name: str) -> str:
        """Return the path of a figure, without its suffix."""
        return f"{self.results}/figures/{name}"

    @property
    def report(self) -> str:
        """Return the path of the report."""
        return f"{self.results}/report.html"

    @property
    def first_answer(self) -> str:
        """Return the path of a dataset's first answer, a sentence written while others train."""
        return f"{self.results}/first_answer/{{dataset}}.txt"

    @property
    def answer(self) -> str:
        """Return the path of the answer: the first sentences of the report, as text."""
        return f"{self.results}/answer.txt"

    @property
    def answer_json(self) -> str:
        """Return the path of the answer for programs."""
        return f"{self.results}/answer.json"

    @property
    def inputs(self) -> str:
        """Return the path of the digests of the study's inputs, images and weights."""
        return f"{self.results}/inputs.json"

    @property
    def config(self) -> str:
        """Return the path of the config with every default filled in."""
        return f"{self.results}/config.yaml"

    @property
    def crate(self) -> str:
        """Return the path of the RO-Crate's metadata, which says how the results were made."""
        return f"{self.results}/ro-crate-metadata.json"

    def log(self, output: str) -> str:
        """Return the path of the log of the job that makes this file."""
        return self._beside(output, "logs", "log")

    def benchmark(self, output: str) -> str:
        """Return the path of the benchmark of the job that makes this file."""
        return self._beside(output, "benchmarks", "tsv")

    @property
    def _dataset_backbone(self) -> str:
        """Return the part of a path that names a dataset and a backbone, with its precision."""
        return f"{{dataset}}/{{backbone}}-{self.precision}"

    def _beside(self, output: str, folder: str, suffix: str) -> str:
        """Return the path of a file about a job, named after the job's output."""
        top = self.results if output.startswith(f"{self.results}/") else "resources"
        name = output.removeprefix(f"{top}/").removesuffix(".parquet").removesuffix(".csv")
        return f"{top}/{folder}/{name}.{suffix}"
