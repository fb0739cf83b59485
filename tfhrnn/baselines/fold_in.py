"""What linear regression says of each event of a user given the events before it, exactly.

A user that was not trained on gets parameters θ of their own from the events so far: the minimum of
Σ_{j<k} (y_j − x_j·θ)² + Σ_d (θ_d − m_d)² / s_d, a ridge regression towards m. `one_step_ahead`
answers x_k·θ for every k at once. With S = diag(s), G = X S Xᵀ + 1 = L Lᵀ is the covariance of y in
units of the noise, and the entries of e = L⁻¹ (y − X m) are the errors of one-step-ahead
predictions over their deviations L_kk (Cholesky as a sequential regression), so that the prediction
is y_k − L_kk e_k. Long histories go block by block, the posterior of one being the prior of the
next; that changes the work and not the answer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

Floats = npt.NDArray[np.floating]

_BLOCK: Final = 256


def one_step_ahead(
    x: Floats, y: Floats, mean: Floats, ridge: Floats, *, block: int = _BLOCK
) -> npt.NDArray[np.float64]:
    """Predicts each y from the rows before it.

    Args:
      x: `[events, width]` in the order of events.
      y: `[events]`.
      mean: `[width]` where θ stands before the first event.
      ridge: `[width]` above 0, the penalty 1 / s of each component of θ.
      block: events taken at once.

    Returns:
      `[events]` float64; entry k does not depend on y[k] or on any later row.

    >>> one_step_ahead(np.ones((3, 1)), np.array([2.0, 4.0, 9.0]), np.zeros(1), np.ones(1)).round(6)
    array([0., 1., 2.])
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    theta = np.array(mean, np.float64)
    covariance = np.diag(1.0 / np.asarray(ridge, np.float64))
    predicted = np.empty(len(y))
    for begin in range(0, len(y), block):
        here, asked = x[begin : begin + block], y[begin : begin + block]
        shared = here @ covariance  # [block, width]
        root = np.linalg.cholesky(shared @ here.T + np.eye(len(asked)))
        error = solve_triangular(root, asked - here @ theta, lower=True, check_finite=False)
        predicted[begin : begin + block] = asked - np.diag(root) * error
        if begin + block < len(y):
            gain = solve_triangular(root, shared, lower=True, check_finite=False)
            theta += gain.T @ error
            covariance -= gain.T @ gain
    return predicted
