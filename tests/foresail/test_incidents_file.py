"""The file of incidents: its columns, its times, and everything that is refused by file and line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from forecaster.baselines import BASELINES
from forecaster.incidents import Incident, Unrepeated
from foresail.errors import UsageError
from foresail.incidents_file import incidents_of, left_out, read_incidents, without_incidents
from tests.helpers.histories import a_load


def written(folder: Path, text: str) -> Path:
    path = folder / "incidents.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_row_is_an_incident_and_further_columns_are_for_people(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "reason,start,end\nrelease 41,2026-03-07T16:00:00Z,2026-03-07T16:30:00Z\n"
        "fibre cut,2026-03-09T10:00:00+01:00,2026-03-09T12:00:00+01:00\n",
    )
    assert read_incidents(path) == (
        Incident(datetime(2026, 3, 7, 16, tzinfo=UTC), datetime(2026, 3, 7, 16, 30, tzinfo=UTC)),
        Incident(datetime(2026, 3, 9, 9, tzinfo=UTC), datetime(2026, 3, 9, 11, tzinfo=UTC)),
    )


def test_a_file_without_rows_changes_nothing(tmp_path: Path) -> None:
    assert read_incidents(written(tmp_path, "start,end\n")) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'start'"),
        ("start;end\n", "no column 'start'"),
        ("start,until\n", "no column 'end'"),
        ("start,end\n2026-03-07T16:00:00Z,soon\n", "line 2: 'soon' is no time"),
        ("start,end\n2026-03-07T16:00:00Z\n", "line 2: None is no time"),
        ("start,end\n2026-03-07T16:00:00,2026-03-07T17:00:00\n", "line 2: .* without a time zone"),
        ("start,end\n2026-03-07T16:00:00Z,2026-03-07T15:00:00Z\n", "line 2: .* ends before it starts"),
    ],
)
def test_what_is_no_incident_is_refused_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_incidents(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv: cannot be read"):
        read_incidents(tmp_path / "none.csv")


def test_a_series_has_gaps_only_where_a_file_names_them(tmp_path: Path) -> None:
    series = a_load(1, days=1, gaps=0)
    assert left_out(series, None) is series
    path = written(tmp_path, f"start,end\n{series.time(5).isoformat()},{series.time(8).isoformat()}\n")
    assert np.flatnonzero(~left_out(series, path).known).tolist() == [5, 6, 7]


def test_a_forecaster_is_wrapped_only_where_there_are_incidents(tmp_path: Path) -> None:
    rule = BASELINES["last-value"]
    assert without_incidents(rule, incidents_of(None, [])) is rule
    path = written(tmp_path, "start,end\n2026-03-07T16:00:00Z,2026-03-07T16:30:00Z\n")
    assert isinstance(without_incidents(rule, read_incidents(path)), Unrepeated)


def test_an_incident_outside_of_every_history_is_said_with_both_spans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series = a_load(1, days=1, gaps=0)
    inside = f"{series.time(5).isoformat()},{series.time(8).isoformat()}\n"
    path = written(tmp_path, f"start,end\n{inside}2019-01-01T01:00:00+02:00,2019-01-01T03:30:00+02:00\n")
    assert len(incidents_of(path, [series])) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        "1 of 2 incidents, between 2018-12-31 23:00 UTC and 2019-01-01 01:30 UTC, lie outside of the hist" in said.err
    )
    assert f"{series.name} from {series.start:%Y-%m-%d %H:%M} UTC to {series.end:%Y-%m-%d %H:%M} UTC" in said.err
    assert "check their dates and zones" in said.err


def test_an_incident_of_any_of_the_histories_needs_no_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series = a_load(1, days=1, gaps=0)
    early, late = series.part(0, 100), series.part(200, len(series))
    path = written(tmp_path, f"start,end\n{late.time(5).isoformat()},{late.time(8).isoformat()}\n")
    incidents_of(path, [early, late])
    assert capsys.readouterr().err == ""
    incidents_of(path, [early])
    assert "1 of 1 incidents" in capsys.readouterr().err
