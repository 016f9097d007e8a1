"""The runner of ablations: variants differ in one thing, and what was left out was not learned from."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.traces import Trace
from forecaster.series import Kind
from tests.helpers.histories import MINUTE, a_load

if TYPE_CHECKING:
    from benchmarks.ablations import Variant

pytestmark = pytest.mark.train


def small(name: str) -> Variant:
    """The variant of that name, with next to nothing to train."""
    from benchmarks.ablations import variants
    from forecaster.network import NetworkConfig

    variant = variants(steps=2, seed=0)[name]
    sizes = NetworkConfig(hidden=8, wide=16, narrow=8, peak=8, blind=variant.recipe.network.blind)
    train = replace(variant.recipe.train, series_per_step=2, origins_per_series=2)
    recipe = replace(variant.recipe, synthetic=2, coarse=1, mixtures=2, train=train, network=sizes)
    return replace(variant, recipe=recipe)


def test_every_variant_differs_from_the_full_one_and_from_the_others() -> None:
    from benchmarks.ablations import variants

    made = variants(steps=4000, seed=1)
    assert all(name == variant.name for name, variant in made.items())
    assert len({str((asdict(v.recipe), v.without)) for v in made.values()}) == len(made)


def test_what_is_left_out_is_scored_but_not_learned_from() -> None:
    from benchmarks.ablations import Bench

    traces = [
        (Trace(f"{name}.csv.gz", "a load", Kind.FLOW, "diurnal", name != "twitter", ""), replace(one, name=name))
        for name, one in (
            ("nasa_1m", a_load(1, days=3, step=MINUTE)),
            ("azurefn_1m", a_load(2, days=3, step=MINUTE)),
            ("twitter", a_load(3, days=4)),
        )
    ]
    bench = Bench(traces, small("full").recipe)
    found = {name: bench.measure(small(name)) for name in ("full", "without-web-logs", "blind-to-ridge")}
    learned = {name: {t: s["learned"] for t, s in one["traces"].items()} for name, one in found.items()}
    assert len({one["model"] for one in found.values()}) == 3  # each is another network
    assert learned["full"] == {"nasa_1m": True, "azurefn_1m": True, "twitter": False}
    assert learned["without-web-logs"] == {"nasa_1m": False, "azurefn_1m": True, "twitter": False}
    calibrated = found["full"]["traces"]["twitter"]["calibrated"]
    assert 0 < calibrated["mae"] < 5
    assert calibrated != found["blind-to-ridge"]["traces"]["twitter"]["calibrated"]
