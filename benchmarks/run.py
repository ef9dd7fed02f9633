"""Run all benchmarks, or the named ones, one after the other.

    python benchmarks/run.py [--quick] [--write] [NAME ...] [OPTION ...]

Each benchmark prints a section. --write puts the sections into benchmarks/README.md, with machine,
versions and date. --quick only shows that the benchmarks work: it is much smaller and never
written. All other options go to the named benchmark.
"""

import argparse
import datetime
import importlib
import os
import re
from pathlib import Path

import side_by_side

README = Path(__file__).with_name("README.md")
# Title of each benchmark, and its arguments for --quick.
BENCHMARKS = {
    "features": ("VGG16's features", "--images 256 --rounds 2"),
    "feature_networks": ("Averaged features at 224 pixels", "--images 64 --rounds 2"),
    "heads": ("The sweep of heads", "--per-class 60 --fractions 1 --rates 0.001 --rounds 1"),
    "probes": ("Linear probes", "--images 140 --rounds 1"),
    "store": ("Features on disk", "--per-class 60 --encoded 420 --rounds 2"),
    "snakemake_overhead": ("What the workflow adds to Snakemake", "--rates 2 --rounds 2"),
    "scratch": ("Training from scratch with augmentation", "--images 420 --rounds 2"),
    "resize": ("How a picture becomes a square", "--images 70"),
    "photographs": ("A folder of photographs", "--photographs 40 --by-pillow 4"),
    "by_hand": ("A study of one's own images, and the same by hand", "--images 60"),
    "siamese": ("The Siamese network", "--pairs 36 --rounds 2"),
}
PACKAGES = (
    *("tensorflow", "keras", "numpy", "scikit-learn", "snakemake"),
    *("opencv-python-headless", "pyarrow", "zstandard"),
    *("torch", "onnxruntime", "openvino"),
)


def with_section(text: str, name: str, section: str) -> str:
    """Return a README's text with the section between a benchmark's two markers replaced.

    Raises:
        ValueError: the text has no such markers, or several.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    pattern = f"(?s){re.escape(begin)}.*?{re.escape(end)}"
    changed, count = re.subn(pattern, lambda _: f"{begin}{section}\n{end}", text)
    if count != 1:
        raise ValueError(f"{README.name}: found {count} sections {name}, expected 1")
    return changed


def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    options, own = parser.parse_known_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"found {min(unknown)}, expected {', '.join(BENCHMARKS)}")
    if own and (options.quick or not options.names):
        parser.error(
            f"found {own[0]}, expected the name of its benchmark before it, and no --quick"
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    for name in options.names or BENCHMARKS:
        title, quick = BENCHMARKS[name]
        machine = side_by_side.hardware()
        result = importlib.import_module(name).main(quick.split() if options.quick else own)
        about = f"{datetime.date.today()}; {machine}; {side_by_side.versions(*PACKAGES)}."
        section = f"## {title}\n\n{result}\n\n*{about}*\n"
        print(f"\n{section}", flush=True)
        if options.write and not options.quick:
            README.write_text(with_section(README.read_text(), name, section))


if __name__ == "__main__":
    main()
