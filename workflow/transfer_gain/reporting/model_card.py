"""The card of a model: what it is, what to expect of it, and how to use it, on one page.

The headings are those of model cards (Mitchell et al. 2019), as far as the study can fill them.
"""

import math
from pathlib import Path

import jinja2

from transfer_gain import metrics
from transfer_gain.model import description
from transfer_gain.model.description import Description
from transfer_gain.model.unlike import PERCENTILE
from transfer_gain.printable import printable
from transfer_gain.reporting import metric_display, words

SMALL = 30  # images of a class; below, its predictions are named as a limit

TEMPLATE = """\
# Model: {{ dataset }}

{{ method | capitalize }}, trained on all {{ images }} labeled images of {{ dataset }}
({{ classes | length }} classes).

## What to expect

{{ noun | capitalize }} on new images: **{{ score }}**{{ interval }}. This was measured with
{{ labels }} training images per class, on images that the method had not seen, before it was
trained once more on all of them. The method was the best of several, so the number is a little
optimistic. It holds for images that are taken like these, not for other cameras, places or times.
{% for sentence in instead_of %}
{{ sentence }}
{% endfor %}
## Classes

| class | training images |
|---|---|
{% for name, count in classes %}| {{ name }} | {{ count }} |
{% endfor %}
## Use

```
python -m transfer_gain.predict "{{ folder }}" path/to/images --out predictions.csv
```

or `make predict MODEL="{{ folder }}" IMAGES=path/to/images`. In the CSV,
`unlike_training` is true for a picture that is farther from the nearest training image than
{{ percentile }} % of the training images are from theirs. Its class means little.

`{{ keras }}` (Keras 3, opens in safe mode) and `{{ onnx }}` take pictures as uint8
(images, {{ image.size }}, {{ image.size }}, 3), RGB from 0 to 255, and give the probability of each
class in the order above. What the network does with pixels is part of both files. Turning (EXIF)
and {{ fit }} to {{ image.size }} pixels are not: the command does them. The probabilities of the
two files differ by at most {{ "%.1g" | format(difference) }} on some of the training images.

## Limits

- Pictures become squares of {{ image.size }} pixels (`resize: {{ image.resize }}`) in
  {{ "gray" if image.channels == "gray" else "color" }}. Smaller details are lost.
{% if small %}- Few training images: {{ small }}.
{% endif %}- The model names one of its classes, also for a picture that shows none of them.
- Pictures of 16 bits: what is white is told from all pictures that are predicted together.

## How it was made

| what | value |
|---|---|
{% for name, value in configuration.items() if value is not none %}| {{ name }} | {{ value }} |
{% endfor %}| SHA-256 of the code | {{ code }} |
{% for path, digest in data.items() %}| SHA-256 of {{ path }} | {{ digest }} |
{% endfor %}{% for path, digest in files.items() %}| SHA-256 of {{ path }} | {{ digest }} |
{% endfor %}"""

FITS = {"crop": "cropping", "pad": "padding", "stretch": "stretching"}
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


def render(described: Description, folder: Path | str) -> str:
    """Return the card in Markdown.

    Args:
        described: the model.
        folder: where it lies, as the commands name it.
    """
    expected = described.expected
    low, high = (math.nan if end is None else end for end in (expected.low, expected.high))
    sizes = dict(zip(map(text, described.classes), described.images_of_class, strict=True))
    small = [f"{name} ({count})" for name, count in sizes.items() if count < SMALL]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(TEMPLATE).render(
        dataset=text(described.dataset),
        method=words.method(described.method, described.backbone),
        images=words.count(sum(described.images_of_class)),
        classes=list(sizes.items()),
        noun=metric_display.words(metrics.metric(expected.metric)).noun,
        score=words.accuracy(expected.score),
        interval=words.interval(low, high, words.accuracy),
        labels=words.count(expected.labels),
        instead_of=described.instead_of,
        folder=folder,
        percentile=f"{PERCENTILE:g}",
        keras=description.KERAS,
        onnx=description.ONNX,
        image=described.image,
        fit=FITS[described.image.resize],
        difference=described.onnx_difference,
        small=", ".join(small),
        configuration=described.configuration,
        code=described.code,
        data=described.data,
        files=described.files,
    )


def text(value: str) -> str:
    """Return a name that Markdown shows as it is."""
    return printable(value).translate(_MARKS)
