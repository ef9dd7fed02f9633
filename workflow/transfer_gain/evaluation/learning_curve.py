"""A learning curve, continued beyond the labels at hand: families of curves, and how far to trust.

No shape fits all learning curves (Viering & Loog 2022), so several families are fitted, and
averaged by how well each predicts the last point from the earlier ones (a back-test). Intervals
cover what resampling shows of the points (Figueroa et al. 2012 fit such weighted power laws), what
families are known to lack, and what the back-test shows them to lack here (that point forecasts
alone mislead: Mahmood et al. 2022; that extrapolation needs its own uncertainty: Harvey et al.
2023).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit, logit

FARTHEST = 5  # times the labels; beyond, nothing is said
FEWEST = 3  # points, of which the back-test fits all but one
# Standard deviation of a forecast that sampling does not explain, in logits for each e-fold of
# labels: docs/validity.md says how it was found.
MODEL_ERROR = 0.08
_Z = stats.norm.ppf(0.975)
# Values of a standard normal variable that are equally likely.
_NORMAL = stats.norm.ppf((np.arange(100) + 0.5) / 100)
_NORMAL /= _NORMAL.std()
_ASYMPTOTES = np.linspace(0, 0.9, 19)  # shares of the smallest error


class Points(NamedTuple):
    """A learning curve as bootstrap draws show it.

    Attributes:
        labels: training images per class, ascending, (points,).
        scores: in (0, 1), higher is better: the means, then the draws, (1 + draws, points).
    """

    labels: np.ndarray
    scores: np.ndarray

    @property
    def variances(self) -> np.ndarray:
        """Return the variance of each point's mean, (points,)."""
        return self.scores[1:].var(axis=0) + 1e-12

    def first(self, count: int) -> "Points":
        """Return the points of the fewest labels."""
        return Points(self.labels[:count], self.scores[:, :count])


@dataclass(frozen=True)
class Family:
    """A family of curves.

    Attributes:
        name: its name in table `forecast`.
        fewest: points that its parameters need.
        extrapolate: function from points and labels (n,) to scores, (1 + draws, n).
    """

    name: str
    fewest: int
    extrapolate: Callable[[Points, np.ndarray], np.ndarray]


def _line(
    points: Points, values: np.ndarray, precisions: np.ndarray, at: np.ndarray, sign: int
) -> np.ndarray:
    """Return weighted least-squares lines in the logarithm of labels, never of the other sign.

    Args:
        points: for their labels.
        values: on the scale of the line, (1 + draws, points).
        precisions: weight of each point, (points,) or of each draw's points.
        at: labels, (n,).
        sign: of the slope, 1 or -1; a slope of the other sign becomes zero.
    """
    logs = np.log(points.labels)
    weights = precisions / precisions.sum(axis=-1, keepdims=True)
    center = (weights * logs).sum(axis=-1, keepdims=True)
    mean = (weights * values).sum(axis=-1, keepdims=True)
    away = logs - center
    slope = (weights * away * (values - mean)).sum(axis=-1, keepdims=True)
    slope /= (weights * away**2).sum(axis=-1, keepdims=True)
    return mean + sign * np.maximum(sign * slope, 0) * (np.log(at) - center)


def _logit_linear(points: Points, at: np.ndarray) -> np.ndarray:
    means = points.scores[0]
    precisions = (means * (1 - means)) ** 2 / points.variances
    return expit(_line(points, logit(points.scores), precisions, at, 1))


def _power_law(points: Points, at: np.ndarray) -> np.ndarray:
    """Extrapolate error = b labels^-c."""
    return _above(points, np.zeros((len(points.scores), 1)), at)


def _above(points: Points, asymptotes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Extrapolate error = a + b labels^-c with given a, (1 + draws, 1)."""
    excess = 1 - points.scores - asymptotes
    fitted = _line(points, np.log(excess), excess**2 / points.variances, at, -1)
    return 1 - asymptotes - np.exp(np.minimum(fitted, 0))


def _with_asymptote(points: Points, at: np.ndarray) -> np.ndarray:
    """Extrapolate error = a + b labels^-c, with the a of the least squares."""
    errors = 1 - points.scores
    everywhere = np.concatenate([points.labels, at])
    fits = np.stack(
        [
            _above(points, share * errors.min(axis=1, keepdims=True), everywhere)
            for share in _ASYMPTOTES
        ]
    )
    count = len(points.labels)
    squares = (fits[..., :count] - points.scores) ** 2 / points.variances
    best = squares.sum(axis=-1).argmin(axis=0)
    return fits[best, np.arange(len(best)), count:]


FAMILIES = (
    Family("logit-linear", 2, _logit_linear),
    Family("power law", 2, _power_law),
    Family("power law with asymptote", 3, _with_asymptote),
)


class Forecast(NamedTuple):
    """A learning curve, continued.

    Attributes:
        scores: expected, (n,).
        low: lower ends of the 95 % intervals, (n,).
        high: upper ends, (n,).
        now: score with the labels at hand.
        gained: draws of what is gained over the score at hand, (draws, n).
        backtest_error: what the fit to all other points expects of the last one, less its score.
        holds: whether that error is within its own 95 % interval.
        weights: of the families, by name.
    """

    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray
    now: float
    gained: np.ndarray
    backtest_error: float
    holds: bool
    weights: dict[str, float]

    def gains(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is gained over the score at hand, with the ends of 95 % intervals, (n,)."""
        low, high = np.quantile(self.gained, [0.025, 0.975], axis=0)
        return self.scores - self.now, low, high

    def probability_of(self, gain: float) -> np.ndarray:
        """Return the probability that more than `gain` is gained, (n,)."""
        return (self.gained > gain).mean(axis=0)


def forecast(points: Points, times: Sequence[float], clip: float) -> Forecast:
    """Continue a learning curve to multiples of its largest number of labels.

    Families are averaged in the logit. Their weights are the likelihoods of the last point, given a
    fit to the others. Each curve is moved to pass through the last point that it is fitted to: the
    points share their images, so that a distance from the last one is rather a lack of the family
    than chance. The variance of a score's interval is the sum of that of the draws, of
    `MODEL_ERROR`, and of the part of the back-test's squared error that these two do not explain;
    the last two, the model's error, grow with the logarithm of the labels.

    Args:
        points: at least `FEWEST`.
        times: multiples, from 1 to `FARTHEST`.
        clip: how far a score may be from 0 and 1.

    Raises:
        ValueError: there are too few points, or a multiple is outside these limits.
    """
    if len(points.labels) < FEWEST:
        raise ValueError(f"found {len(points.labels)} points, expected {FEWEST} or more")
    if not 1 <= min(times) <= max(times) <= FARTHEST:
        raise ValueError(f"found {list(times)} times the labels, allowed: 1 to {FARTHEST}")
    points = points._replace(scores=np.clip(points.scores, clip, 1 - clip))
    distances = np.log(np.asarray(times, float))
    step = np.log(points.labels[-1] / points.labels[-2])

    def of(family: Family, known: Points, at: np.ndarray) -> np.ndarray:
        """Return logits at some labels, of a curve that is moved to pass through the last point."""
        fitted = family.extrapolate(known, np.append(known.labels[-1], at))
        fitted = logit(np.clip(fitted, clip, 1 - clip))
        return fitted[:, 1:] - fitted[:, :1] + logit(known.scores[:, -1:])

    fewer = points.first(len(points.labels) - 1)
    tested = [family for family in FAMILIES if family.fewest <= len(fewer.labels)]
    last = logit(points.scores[:, -1])
    # (families, 1 + draws)
    errors = np.stack([of(family, fewer, points.labels[-1:])[:, 0] for family in tested]) - last
    spread = errors[:, 1:].var(axis=1) + (MODEL_ERROR * step) ** 2
    logs = -(errors[:, 0] ** 2) / spread / 2 - np.log(spread) / 2
    likelihoods = np.exp(logs - logs.max())  # of families that all err much, they underflow
    found = likelihoods / likelihoods.sum()
    error = found @ errors
    expected = (MODEL_ERROR * step) ** 2 + error[1:].var()
    unexplained = max(0.0, error[0] ** 2 - expected) / step**2

    # What the back-test cannot fit, for lack of points, counts as much as others on average.
    weights = np.append(found, [found.mean()] * (len(FAMILIES) - len(tested)))
    weights /= weights.sum()
    at = points.labels[-1] * np.asarray(times, float)
    continued = np.tensordot(weights, [of(family, points, at) for family in FAMILIES], 1)
    of_model = np.sqrt(MODEL_ERROR**2 + unexplained) * distances
    half = _Z * np.sqrt(continued[1:].var(axis=0) + of_model**2)
    return Forecast(
        scores=expit(continued[0]),
        low=expit(continued[0] - half),
        high=expit(continued[0] + half),
        now=float(expit(last[0])),
        gained=_gained(last, continued - last[:, None], of_model),
        backtest_error=float(expit(last[0] + error[0]) - expit(last[0])),
        holds=bool(abs(error[0]) <= _Z * np.sqrt(expected)),
        weights={family.name: float(w) for family, w in zip(FAMILIES, weights, strict=True)},
    )


def _gained(start: np.ndarray, changes: np.ndarray, of_model: np.ndarray) -> np.ndarray:
    """Return draws of what is gained, each with several errors of the model, (all draws, n).

    A change of the logit is worth fewer points, the nearer to 1 the score at hand really is.

    Args:
        start: logit of the score at hand, and its draws, (1 + draws,).
        changes: of the logit, (1 + draws, n).
        of_model: standard deviation of the model's error, which draws lack, (n,).
    """
    starts = _about_first(start)[:, None]
    changes = _about_first(changes) + _NORMAL[:, None, None] * of_model
    return (expit(starts + changes) - expit(starts)).reshape(-1, len(of_model))


def _about_first(values: np.ndarray) -> np.ndarray:
    """Return draws, moved so that their mean is the first value, which is no draw.

    Near 1, logits of draws are skewed, and their mean is another.
    """
    return values[1:] - values[1:].mean(axis=0) + values[0]
