"""A smooth function of the settings, learned from trials, that falls apart into single effects.

The score is a constant, an effect of each field, an effect of each pair of fields, and noise:
a Gaussian process with an ANOVA kernel (Durrande, Ginsbourger, Roustant and Carraro 2013). Effects
are sums of functions that are orthogonal over the searched space, so the variance of each over the
space is a sum of squares and needs no sampling of the space (Sobol' 1993; Hutter, Hoos and
Leyton-Brown 2014 do the same with a forest).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import linalg, optimize

from myosweep.analysis.importance.space import Design

_LEVEL_VARIANCE = 4.0  # of the constant, in units of the scores' variance
_JITTER = 1e-6
_MOST_STEPS = 40
# mean and standard deviation of the logarithm of each strength, before any trial is seen; all
# fields share out one variance, and all pairs a smaller one, so that many weak ones stay weak
_EFFECTS, _PAIRS = (math.log(0.2), 2.0), (math.log(0.02), 2.5)
_SMOOTHNESS, _NOISE = (math.log(0.5), 0.7), (math.log(0.2), 1.5)
_BOUNDS = (-12.0, 3.0)


@dataclass(frozen=True)
class Strengths:
    """What the model assumes about the function; all as logarithms.

    Attributes:
        effects: prior variance of each field's effect, then of each pair's.
        smooth: how fast the variance of a field's waves falls with their number.
        noise: variance of the noise.
    """

    effects: Float64[np.ndarray, " effect"]
    smooth: Float64[np.ndarray, " field"]
    noise: float

    @property
    def vector(self) -> Float64[np.ndarray, " strength"]:
        return np.concatenate([self.effects, self.smooth, [self.noise]])

    @classmethod
    def of(cls, vector: Float64[np.ndarray, " strength"], design: Design) -> "Strengths":
        effects, smooth, noise = np.split(vector, [len(design.counting), len(vector) - 1])
        return cls(effects, smooth, float(noise[0]))

    @classmethod
    def usual(cls, design: Design) -> "Strengths":
        """What is assumed before any trial is seen."""
        return cls.of(_prior(design)[0], design)

    def spectrum(
        self, design: Design
    ) -> list[tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, " _"]]]:
        """Per field the share of each wave, and how it moves with the logarithm of ``smooth``."""
        return [
            _spectrum(waves.shape[1], length if ordered else None)
            for waves, length, ordered in zip(
                design.waves, np.exp(self.smooth), design.ordered, strict=True
            )
        ]


def learn(
    design: Design, scores: Float64[np.ndarray, " trial"], start: Strengths | None = None
) -> Strengths:
    """The strengths that explain the scores best: the largest posterior density.

    Args:
        scores: with mean 0 and variance 1.
        start: where to begin; by default at usual strengths, smooth and rough.
    """
    usual = Strengths.usual(design)
    starts = [start] if start else [usual, _rougher(usual)]
    bounds = [_BOUNDS] * len(usual.vector)
    best = min(
        (
            optimize.minimize(
                _cost, one.vector, (design, scores), jac=True, method="L-BFGS-B", bounds=bounds,
                options={"maxiter": _MOST_STEPS, "ftol": 1e-5},
            )
            for one in starts
        ),
        key=lambda found: float(found.fun),
    )  # fmt: skip
    return Strengths.of(np.asarray(best.x), design)


def predict(
    seen: Design,
    scores: Float64[np.ndarray, " trial"],
    strengths: Strengths,
    new: Design,
) -> Float64[np.ndarray, " new"]:
    """The scores that the model expects of further trials."""
    factor = _noisy(_kernel(seen, seen, strengths), strengths)
    return _kernel(new, seen, strengths).whole @ linalg.cho_solve(factor, scores)


def draw_variances(
    design: Design,
    scores: Float64[np.ndarray, " trial"],
    strengths: Strengths,
    draws: int,
    random: np.random.Generator,
) -> Float64[np.ndarray, "draw effect"]:
    """Variance over the space of each field's and each pair's effect, for functions drawn from
    all that fit the trials (the posterior; drawn by Matheron's rule).
    """
    size = len(design)
    factor = _noisy(_kernel(design, design, strengths), strengths)
    terms = _terms(design, strengths)
    noise = math.sqrt(math.exp(strengths.noise) + _JITTER)
    fitted = math.sqrt(_LEVEL_VARIANCE) * random.standard_normal((1, draws))
    fitted = fitted + noise * random.standard_normal((size, draws))
    before = []
    for functions, spread in terms:
        weights = spread[:, None] * random.standard_normal((len(spread), draws))
        fitted += functions @ weights
        before.append(weights)
    moved = linalg.cho_solve(factor, scores[:, None] - fitted)
    variances = [
        ((weights + spread[:, None] ** 2 * (functions.T @ moved)) ** 2).sum(0)
        for weights, (functions, spread) in zip(before, terms, strict=True)
    ]
    return (np.array(variances) * np.array(design.counting)[:, None]).T


@dataclass(frozen=True)
class _Kernel:
    """Covariances between trials.

    Attributes:
        alike: by each field alone, with an effect of variance 1.
        partners: how each field's effect grows with those of its pairs.
        whole: of the scores, noise apart.
    """

    alike: Float64[np.ndarray, "field trial other"]
    partners: Float64[np.ndarray, "field trial other"]
    whole: Float64[np.ndarray, "trial other"]


def _kernel(design: Design, other: Design, strengths: Strengths) -> _Kernel:
    """Covariances of one design's trials with another's."""
    alike = np.stack(
        [
            (here * shape) @ there.T
            for here, there, (shape, _) in zip(
                design.waves, other.waves, strengths.spectrum(design), strict=True
            )
        ]
    )
    count = len(design.paths)
    effects, coupled = np.exp(strengths.effects), np.zeros((count, count))
    coupled[design.places] = effects[count:]
    partners = np.tensordot(coupled + coupled.T, alike, 1)
    alone = np.tensordot(effects[:count], alike, 1)
    whole = _LEVEL_VARIANCE + alone + 0.5 * (alike * partners).sum(0)
    return _Kernel(alike, partners, whole)


def _noisy(kernel: _Kernel, strengths: Strengths) -> tuple[np.ndarray, bool]:
    """The covariances of noisy scores, factorised."""
    noise = math.exp(strengths.noise) + _JITTER
    factor, lower = linalg.cho_factor(kernel.whole + noise * np.eye(len(kernel.whole)), lower=True)
    return factor, lower


def _cost(
    vector: Float64[np.ndarray, " strength"],
    design: Design,
    scores: Float64[np.ndarray, " trial"],
) -> tuple[float, Float64[np.ndarray, " strength"]]:
    """Minus the logarithm of the posterior density of the strengths, and its slope."""
    strengths = Strengths.of(vector, design)
    kernel = _kernel(design, design, strengths)
    factor = _noisy(kernel, strengths)
    solved = linalg.cho_solve(factor, scores)
    inverse = linalg.cho_solve(factor, np.eye(len(design)))
    slope = 0.5 * (inverse - np.outer(solved, solved))
    middle, width = _prior(design)
    away = (vector - middle) / width
    cost = 0.5 * float(scores @ solved) + float(np.log(np.diag(factor[0])).sum())
    gradient = np.concatenate(
        [
            _effect_slopes(design, kernel, slope) * np.exp(strengths.effects),
            _smooth_slopes(design, strengths, kernel, slope),
            [float(np.trace(slope)) * math.exp(strengths.noise)],
        ]
    )
    return cost + 0.5 * float(away @ away), gradient + away / width


def _effect_slopes(
    design: Design, kernel: _Kernel, slope: Float64[np.ndarray, "trial trial"]
) -> Float64[np.ndarray, " effect"]:
    """How the cost moves with the variance of each effect."""
    flat = kernel.alike.reshape(len(design.paths), -1)
    weighed = flat * slope.ravel()
    return np.concatenate([weighed.sum(1), (weighed @ flat.T)[design.places]])


def _smooth_slopes(
    design: Design,
    strengths: Strengths,
    kernel: _Kernel,
    slope: Float64[np.ndarray, "trial trial"],
) -> Float64[np.ndarray, " field"]:
    """How the cost moves with the smoothness of each field."""
    effects = np.exp(strengths.effects[: len(design.paths)])
    slopes = slope * (effects[:, None, None] + kernel.partners)
    return np.array(
        [
            float((((here @ waves) * waves) @ change).sum())
            for here, waves, (_, change) in zip(
                slopes, design.waves, strengths.spectrum(design), strict=True
            )
        ]
    )


def _prior(design: Design) -> Float64[np.ndarray, "moment strength"]:
    fields, pairs = len(design.paths), len(design.pairs)
    effect = _EFFECTS[0] - math.log(max(fields, 1)), _EFFECTS[1]
    pair = _PAIRS[0] - math.log(max(pairs, 1)), _PAIRS[1]
    each = [effect] * fields + [pair] * pairs + [_SMOOTHNESS] * fields + [_NOISE]
    return np.array(each).T


def _spectrum(
    waves: int, length: float | None
) -> tuple[Float64[np.ndarray, " wave"], Float64[np.ndarray, " wave"]]:
    """Shares of an effect's waves, which add up to 1; without a length all are alike."""
    if length is None:
        return np.full(waves, 1 / waves), np.zeros(waves)
    squares = (length * np.arange(1.0, waves + 1)) ** 2
    raw = (1 + squares) ** -2.0
    share = raw / raw.sum()
    change = -4 * squares / (1 + squares)
    return share, share * (change - float(share @ change))


def _terms(
    design: Design, strengths: Strengths
) -> list[tuple[Float64[np.ndarray, "trial _"], Float64[np.ndarray, " _"]]]:
    """Functions at the trials and standard deviations of their weights: fields, then pairs."""
    shapes = [share for share, _ in strengths.spectrum(design)]
    effects = np.exp(strengths.effects / 2)
    found = [
        (waves, effect * np.sqrt(shape))
        for waves, effect, shape in zip(design.waves, effects[: len(shapes)], shapes, strict=True)
    ]
    for effect, (i, j) in zip(effects[len(shapes) :], design.pairs, strict=True):
        both = np.einsum("tv,tw->tvw", design.waves[i], design.waves[j]).reshape(len(design), -1)
        found.append((both, effect * np.sqrt(np.outer(shapes[i], shapes[j]).ravel())))
    return found


def _rougher(strengths: Strengths) -> Strengths:
    return Strengths(strengths.effects, strengths.smooth - 1.2, strengths.noise)
