"""The golden question: the same on every machine, and its record holds everything that an answer says."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from forecaster.baselines import BASELINES
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.golden import golden_ask, golden_record


def test_the_question_never_changes() -> None:
    ask = golden_ask()
    assert hashlib.sha256(ask.series.values.astype("<f8").tobytes()).hexdigest() == QUESTION
    assert ask.origins.tolist() == [13560, 14155, 14163, 14285]
    assert ask.window == Window(2, 8)
    assert (ask.series.values[ask.origins] > 0).all()


def test_a_record_is_json_of_the_whole_answer() -> None:
    rule = BASELINES["level-plus-yesterday"]
    record = json.loads(json.dumps(golden_record(rule)))
    made = rule.forecast([golden_ask()])[0]
    assert record["origins"] == made.origins.tolist()
    np.testing.assert_array_equal(record["quantiles"], made.quantiles)
    np.testing.assert_array_equal(record["peak"], made.peak)
    assert made.quantiles.shape == (4, HORIZON, len(LEVELS))


QUESTION = "7f8de05ec470803f9053ada4ba22e820d385f218682c740503310129137a7d82"
