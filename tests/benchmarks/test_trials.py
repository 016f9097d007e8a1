"""Which runs a benchmark that trains has left to do, and what the network on trial is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresail.errors import UsageError

pytestmark = pytest.mark.train

KNOWN = ("a", "b", "c")


def left(folder: Path, *arguments: str) -> list[str]:
    from benchmarks.trials import trial_options, wanted

    options = trial_options("bench-x", "About.", "arm", folder).parse_args(["traces", *arguments])
    return wanted(options, KNOWN, "arm")


def test_all_that_have_no_results_are_wanted_where_none_is_named(tmp_path: Path) -> None:
    assert left(tmp_path) == ["a", "b", "c"]
    (tmp_path / "b.json").write_text("{}")
    assert left(tmp_path) == ["a", "c"]
    assert left(tmp_path, "--arm", "b", "--arm", "a") == ["b", "a"]


def test_an_unknown_run_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no arm 'd'; there are: a, b, c"):
        left(tmp_path, "--arm", "d")


def test_two_networks_on_trial_have_two_hashes_and_leave_nothing() -> None:
    from benchmarks.trials import on_trial
    from forecaster.network import Network, NetworkConfig

    hashes = []
    for hidden in (8, 9):
        network = Network(NetworkConfig(hidden=hidden, wide=16, narrow=8, peak=8))
        with on_trial(network) as (path, model):
            assert path.is_dir()
            hashes.append(model)
        assert not path.exists()
    assert len(set(hashes)) == 2
