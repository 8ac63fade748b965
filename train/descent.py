"""Robust fits of many problems at once: the Huber loss, lowered by Levenberg and Marquardt's steps."""

from collections.abc import Callable

import numpy as np

from train.powerlaw import Array

DELTA = 1e-3  # of the Huber loss on logarithms; source: Hoffmann et al. 2022, appendix D.3
ROUNDS = 200
ENOUGH, CALM = 1e-6, 3  # so many rounds on end that lower the cost by less than this share are the last
PERFECT = 1e-24  # a cost as small as rounding makes it
CHUNK = 400_000  # numbers in the derivatives of the problems that are solved together: they stay in the cache

Evaluate = Callable[[Array], tuple[Array, Array]]  # (M, P) -> (M, n) and its derivatives (M, n, P)


def huber(residuals: Array, delta: float) -> Array:
    """Squares up to delta, straight lines beyond."""
    size = np.abs(residuals)
    cost: Array = np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))
    return cost


def descend(
    evaluate: Evaluate,
    goal: Array,
    weights: Array,
    start: Array,
    limits: tuple[Array, Array],
    free: Array,
    delta: float = DELTA,
) -> tuple[Array, Array]:
    """Go down from one start for each of M problems.

    Args:
        goal: (n,) or (M, n), what `evaluate` is to come near to.
        weights: (n,) or (M, n), how often each point counts.
        start: (M, P).
        limits: (P,) and (P,), the least and the greatest.
        free: (P,), False for what stays as it starts.
        delta: Of the Huber loss; infinite for squares.

    Returns:
        (M, P) where each ended, and (M,) the cost there.
    """
    goal, weights = (np.broadcast_to(each, (len(start), each.shape[-1])) for each in (goal, weights))
    size = max(1, CHUNK // (goal.shape[1] * start.shape[1]))
    if len(start) > size:
        parts = [slice(first, first + size) for first in range(0, len(start), size)]
        ends = [descend(evaluate, goal[part], weights[part], start[part], limits, free, delta) for part in parts]
        found, costs = zip(*ends, strict=True)
        return np.concatenate(found), np.concatenate(costs)
    lower, upper = limits[0][free], limits[1][free]
    ended, ended_cost, index = start.copy(), np.empty(len(start)), np.arange(len(start))
    theta, damping, calm = start.copy(), np.full(len(start), 1e-2), np.zeros(len(start), int)
    level, slopes = evaluate(theta)
    residual, slopes = level - goal, slopes[..., free]
    cost = (weights * huber(residual, delta)).sum(1)
    for _ in range(ROUNDS):
        tried = theta.copy()
        tried[:, free] = _step(theta[:, free], residual, slopes, weights, damping, (lower, upper), delta)
        level, new_slopes = evaluate(tried)
        new_residual = level - goal
        new_cost = (weights * huber(new_residual, delta)).sum(1)
        better = new_cost <= cost
        calm = np.where(better & (cost - new_cost > ENOUGH * cost), 0, calm + 1)
        theta[better], cost[better] = tried[better], new_cost[better]
        residual[better], slopes[better] = new_residual[better], new_slopes[better][..., free]
        damping = np.where(better, damping / 5, damping * 5).clip(1e-12, 1e12)
        left = (calm < CALM) & (cost > PERFECT)
        if not left.all():
            ended[index[~left]], ended_cost[index[~left]] = theta[~left], cost[~left]
            theta, cost, residual, slopes, goal = theta[left], cost[left], residual[left], slopes[left], goal[left]
            damping, calm, index, weights = damping[left], calm[left], index[left], weights[left]
            if not len(index):
                break
    ended[index], ended_cost[index] = theta, cost
    return ended, ended_cost


def _step(
    now: Array,
    residual: Array,
    slopes: Array,
    weights: Array,
    damping: Array,
    limits: tuple[Array, Array],
    delta: float,
) -> Array:
    """Where the free parameters go next: the damped least squares of residuals that count less the larger they are."""
    less = np.minimum(1.0, delta / np.maximum(np.abs(residual), 1e-290))  # 1 for those within delta
    weighted = slopes * (weights * less)[..., None]
    gradient = np.einsum("mnp,mn->mp", weighted, residual)
    curvature = np.matmul(weighted.transpose(0, 2, 1), slopes)
    lower, upper = limits
    held = ((now <= lower) & (gradient > 0)) | ((now >= upper) & (gradient < 0))  # would leave its limits
    gradient[held] = 0.0
    curvature[held[:, :, None] | held[:, None, :]] = 0.0
    eye = np.eye(now.shape[1], dtype=bool)
    diagonal = curvature[:, eye]
    floor = 1e-14 * diagonal.max(1, keepdims=True) + 1e-300  # what no point depends on stays where it is
    curvature[:, eye] = diagonal * (1 + damping[:, None]) + floor + held
    step = np.linalg.solve(curvature, -gradient[..., None])[..., 0]
    moved: Array = np.clip(now + step, lower, upper)
    return moved
