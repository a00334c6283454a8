"""Intervals of scores by the bootstrap over images: the questions of an image are not independent.

Efron & Tibshirani, "An Introduction to the Bootstrap", 1993: percentile intervals; two versions are compared on the
same resamples, pair by pair. Where a version was trained several times, its runs are resampled as well as the images
(Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007: for factors that are crossed, as every run
answers about every image).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from vqatune.tables.hash_ranks import hash_rank

LEVEL = 0.95
_RESAMPLES_AT_ONCE = 20
_DIGITS = 6
"""Further digits are below the noise of the resampling, and would differ between processors."""


def image_sums(
    images: np.ndarray, numerators: np.ndarray, denominators: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's sums of what its pairs add to ratios: both float64 of shape (images, columns).

    Args:
        images: (pairs,), which image a pair is of, from 0.
        numerators: (pairs, columns) float64, 0 where a pair does not count; for a mean, weighted values.
        denominators: (pairs, columns) float64, at least 0; for a mean, weights.
    """
    count = int(images.max()) + 1
    sums = [np.bincount(images, column, count) for column in numerators.T]
    totals = [np.bincount(images, column, count) for column in denominators.T]
    return np.stack(sums, 1), np.stack(totals, 1)


def resampled_means(sums: np.ndarray, totals: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return the ratios of all columns in every resample of the images: (resamples, columns), NaN where one is over 0.

    The draws depend on the number of images and the seed alone.
    """
    parts = []
    both = np.concatenate([sums, totals], 1)
    # Products are so small that synchronizing threads takes longer.
    with threadpool_limits(1, "blas"):
        for drawn in draws(len(sums), resamples, seed):
            drawn_sums, drawn_totals = np.split(drawn @ both, 2, axis=1)
            means = np.full(drawn_sums.shape, np.nan)
            np.divide(drawn_sums, drawn_totals, out=means, where=drawn_totals > 0)
            parts.append(means)
    return np.concatenate(parts)


def resampled_means_over_runs(
    sums: Sequence[np.ndarray], totals: Sequence[np.ndarray], resamples: int, seed: int, name: str
) -> np.ndarray:
    """Return the means of all columns, over runs too, in every resample of the runs and the images.

    Args:
        sums: of each run, (images, columns), as of `image_sums`; all about the same images.
        totals: of each run, (images, columns).
        resamples: how many.
        seed: the images that are drawn depend on it and on their number alone, as in `resampled_means`.
        name: what the runs are of, as two versions' runs are drawn independently.

    Returns:
        (resamples, columns) float64. Of one run they are those of `resampled_means`.
    """
    means = np.stack([resampled_means(*run, resamples, seed) for run in zip(sums, totals, strict=True)])
    generator = np.random.default_rng([hash_rank(seed, "runs", name)])
    drawn = generator.integers(len(means), size=(resamples, len(means)))
    return means[drawn, np.arange(resamples)[:, None]].mean(1)


def interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the 95 % percentile intervals of (resamples, columns)."""
    low, high = np.full((2, means.shape[1]), np.nan)
    some = ~np.isnan(means).all(0)
    ends = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    if some.any():
        low[some], high[some] = np.nanpercentile(means[:, some], ends, axis=0).round(_DIGITS)
    return low, high


def draws(images: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the number of times that each image is drawn, (some resamples, images), float64."""
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        count = min(_RESAMPLES_AT_ONCE, resamples - start)
        drawn = generator.integers(images, size=(count, images))
        yield np.stack([np.bincount(row, minlength=images) for row in drawn]).astype(np.float64)
