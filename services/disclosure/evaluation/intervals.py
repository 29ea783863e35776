"""Quantiles of the beta and the gamma distribution: between which values a share or a rate lies. Pure.

Written out here because no dependency of ours has them. The incomplete functions by series and continued fractions
(Lentz), inverted by bisection: exact to about 1e-9, which tests compare with tabled values.
"""

import math
from collections.abc import Callable
from functools import lru_cache

_STEPS = 300
_HALVINGS = 40
_ENOUGH = 1e-10
_TINY = 1e-300


@lru_cache(maxsize=65536)
def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which `share` of Beta(a, b) lies; a and b above 0."""
    return _inverted(lambda x: _beta_below(x, a, b), share, 1.0)


@lru_cache(maxsize=65536)
def gamma_quantile(share: float, shape: float, rate: float) -> float:
    """The value below which `share` of Gamma(shape, rate) lies; both above 0."""
    top = (shape + 10.0 * math.sqrt(shape) + 40.0) / rate
    return _inverted(lambda x: _gamma_below(x * rate, shape), share, top)


def _inverted(below: Callable[[float], float], share: float, top: float) -> float:
    low, high = 0.0, top
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if below(middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _apart(1.0 - (a + b) * x / (a + 1.0))
    result = d
    for m in range(1, _STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 / _apart(1.0 + term * d)
            c = _apart(1.0 + term / c)
            result *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return result


def _gamma_below(x: float, shape: float) -> float:
    if x <= 0.0:
        return 0.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1.0:
        return front * _gamma_series(x, shape)
    return 1.0 - front * _gamma_fraction(x, shape)


def _gamma_series(x: float, shape: float) -> float:
    term = total = 1.0 / shape
    for n in range(1, 10 * _STEPS):
        term *= x / (shape + n)
        total += term
        if term < total * _ENOUGH:
            break
    return total


def _gamma_fraction(x: float, shape: float) -> float:
    b = x + 1.0 - shape
    c, d = 1.0 / _TINY, 1.0 / _apart(b)
    result = d
    for n in range(1, _STEPS):
        term = -n * (n - shape)
        b += 2.0
        d = 1.0 / _apart(term * d + b)
        c = _apart(b + term / c)
        result *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return result


def _apart(value: float) -> float:
    """Kept away from zero, by which Lentz's method divides."""
    return value if abs(value) > _TINY else _TINY
