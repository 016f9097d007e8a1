"""Every arm whose library is here: it looks at nothing after an origin, and answers with quantiles in order."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.catalogue import CATALOGUE, fit_of
from benchmarks.forecasters.arm import Fit, Run, tidy
from forecaster.forecast import HORIZON, LEVELS
from foresail.errors import UsageError
from tests.helpers.histories import a_load, with_another_future

TINY = Run(seed=3, effort=0.002)


@pytest.fixture(params=list(CATALOGUE))
def fit(request: pytest.FixtureRequest) -> Fit:
    """How each arm is fitted; skipped where its library is not installed."""
    try:
        return fit_of(request.param)
    except UsageError as error:
        pytest.skip(str(error))


def test_the_future_changes_no_forecast(fit: Fit) -> None:
    series = a_load(seed=1, days=9)
    origin = len(series) - 200
    other = with_another_future(series, origin, seed=2)
    asked = np.array([origin])
    predict = fit([series.part(0, origin)], TINY)
    made = tidy(predict(series, asked))
    assert made.shape == (1, HORIZON, len(LEVELS))
    # A network rounds by the size of its batch, which is smaller once the past is remembered.
    np.testing.assert_allclose(made, tidy(predict(other, asked)), rtol=1e-6)


def test_quantiles_are_put_in_order_and_above_zero() -> None:
    raw = np.zeros((2, HORIZON, len(LEVELS)))
    raw[:] = np.arange(len(LEVELS))[::-1] - 3.0
    assert tidy(raw)[0, 0].tolist() == [0, 0, 0, 0, 1, 2, 3, 4]


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="120 quantiles are not finite"):
        tidy(np.full((1, HORIZON, len(LEVELS)), np.nan))
    with pytest.raises(ValueError, match="expected \\[origins, 15, 8\\]"):
        tidy(np.zeros((1, HORIZON, 3)))


def test_effort_is_a_share_and_never_nothing() -> None:
    assert Run(effort=0.5).steps(3_000) == 1_500
    assert Run(effort=0.001).steps(20) == 1
