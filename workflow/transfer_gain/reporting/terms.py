"""Statistical words of the answer, each explained where it stands."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from transfer_gain.evaluation.statistics import EQUAL, UNDECIDED


class Term(NamedTuple):
    """A word that needs an explanation.

    Attributes:
        name: for ids: letters and hyphens.
        pattern: regular expression of the words in sentences.
        text: the explanation.
    """

    name: str
    pattern: str
    text: str


# Where two patterns match at the same place, the first one counts.
TERMS = (
    Term(
        "interval",
        r"\[[^\]]*\]",
        "Brackets hold a 95 % interval. If many such studies were made, with other images of the "
        "same kind and other training runs, about 95 of 100 intervals would contain the value that "
        "holds for all images. 'Above' or 'below' a number: the interval is open at the other end.",
    ),
    Term(
        "probability",
        r"the probability",
        "Given these images and no opinion beforehand, how likely it is that the difference on new "
        "images is larger than the margin. 0.5 is a toss-up. The best of several methods was "
        "picked, so its probability is somewhat too high.",
    ),
    Term(
        "undecided",
        rf"{UNDECIDED}|not settled",
        "Both are possible with these images: that one is better, and that they are equal or the "
        "other is better. It does not mean that they are equal. More scored images would decide.",
    ),
    Term(
        "equal",
        EQUAL,
        "The whole interval of the difference lies within the margin: whichever is better, it is "
        "better by less than matters.",
    ),
    Term(
        "points",
        r"points",
        "Percentage points: from 0.80 to 0.82 are two points. A difference matters if it is more "
        "than the margin: two points, or three of the scored images if that is more.",
    ),
    Term(
        "balanced-accuracy",
        r"[Bb]alanced accurac(?:y|ies)",
        "The share of images of a class that are named right, averaged over the classes. A rare "
        "class counts as much as a common one, so always naming the most common class gains "
        "nothing.",
    ),
    Term(
        "guess",
        r"a guess|[Aa]lways (?:answering|giving)",
        "What is reached without looking at an image, by the best constant answer. A method must "
        "be better than this to have learned anything.",
    ),
    Term(
        "perhaps-also",
        r"perhaps also",
        "None of these methods is significantly worse than another one (all pairs are tested, and "
        "corrected for their number). The best method is among them in 95 % of studies. The best "
        "score of several is a little too high, because it was picked.",
    ),
    Term(
        "probe",
        r"linear probe",
        "Logistic regression on the outputs of a network that was trained on other images and is "
        "not changed. It is a kind of transfer, and the cheapest.",
    ),
    Term(
        "transfer",
        r"[Tt]ransfer(?: with augmentation)?",
        "A small network is trained on the outputs of a large one that was trained on other images "
        "and is not changed. 'With augmentation': on changed copies of the images as well.",
    ),
    Term(
        "fine-tuning",
        r"[Ff]ine-tuning",
        "The last layers of a network that was trained on other images are trained along.",
    ),
    Term(
        "scratch",
        r"training from scratch|from scratch",
        "A small network that has only seen these images. In figures and tables: baseline.",
    ),
    Term(
        "expected",
        r"is expected",
        "The learning curve, continued: how the score grew from few labels to all of them is taken "
        "to go on. The interval is at least as wide as such forecasts were found to err.",
    ),
)
_ANY = re.compile("|".join(f"(?P<T{number}>{term.pattern})" for number, term in enumerate(TERMS)))


def explained(sentences: Sequence[str]) -> list[Markup]:
    """Return sentences as HTML in which the first mention of each term opens its explanation."""
    seen: set[Term] = set()

    def link(found: re.Match) -> str:
        term = TERMS[int(str(found.lastgroup).removeprefix("T"))]
        if term in seen:
            return found[0]
        seen.add(term)
        return (
            f'<button type="button" class="term" popovertarget="about-{term.name}">'
            f"{found[0]}</button>"
        )

    return [Markup(_ANY.sub(link, str(escape(sentence)))) for sentence in sentences]
