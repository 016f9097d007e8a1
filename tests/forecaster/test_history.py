"""Histories from files: the grid they make, and every way in which a file is refused instead of guessed at."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecaster.errors import BadHistory
from forecaster.history import load_history
from forecaster.series import Kind
from tests.helpers.histories import MINUTE, MONDAY, a_load, a_series, as_csv, write_history

NAN = float("nan")
GOOD = as_csv(a_series([1, 2, 3, 4]))
ROWS = GOOD.splitlines()


def test_a_plain_file_on_its_own_grid(tmp_path: Path) -> None:
    path = write_history(tmp_path / "room.v2.csv", a_series([1, 2.5, NAN, 4]))
    series = load_history(path, Kind.STOCK)
    assert (series.name, series.kind, series.step, series.start) == ("room.v2", Kind.STOCK, MINUTE, MONDAY)
    np.testing.assert_array_equal(series.values, [1, 2.5, NAN, 4])


@given(
    st.lists(st.one_of(st.just(NAN), st.floats(0, 1e15)), min_size=1, max_size=60),
    st.sampled_from([1, 2, 5, 30]),
    st.integers(0, 10**6),
    st.sampled_from(["load.csv", "load.csv.gz"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, values: list[float], minutes: int, offset: int, name: str) -> None:
    step = minutes * MINUTE
    whole = a_series([1.0, 2.0, *values, 3.0, 4.0, 5.0, *[6.0] * len(values)], step, MONDAY + offset * step)
    read = load_history(write_history(tmp_path / name, whole))
    assert (read.start, read.step, read.name) == (whole.start, whole.step, "load")
    np.testing.assert_array_equal(read.values, whole.values)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        GOOD.replace("timestamp,value", '"timestamp", value'),
        GOOD.replace("+00:00", "Z"),
        GOOD.replace("+00:00", ""),
        "timestamp,value\n" + "".join(f"2026-01-05T05:{30 + k}:00+05:30, {k + 1} \n" for k in range(4)),
    ],
    ids=["byte order mark", "CRLF", "blank lines", "quoted header", "Z", "no zone is UTC", "another zone, spaces"],
)
def test_spellings_of_the_same_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "load.csv").write_text(text, "utf-8", newline="")
    series = load_history(tmp_path / "load.csv")
    assert series.start == MONDAY
    assert series.values.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "told"), [(GOOD, 0), (GOOD.replace("+00:00", ""), 1), (GOOD.replace("+00:00", "", 1), 1)],
    ids=["all with a zone", "none", "some"],
)  # fmt: skip
def test_whoever_asks_is_told_once_of_times_without_a_zone(tmp_path: Path, text: str, told: int) -> None:
    (tmp_path / "load.csv").write_text(text)
    zoneless: list[Path] = []
    load_history(tmp_path / "load.csv", on_zoneless=zoneless.append)
    assert zoneless == [tmp_path / "load.csv"] * told


def test_jitter_and_one_late_scrape_do_not_change_the_grid(tmp_path: Path) -> None:
    seconds = [1, 60, 120, 180, 241, 299, 400, 460]
    rows = [f"{(MONDAY + timedelta(seconds=s)).isoformat()},{k}" for k, s in enumerate(seconds)]
    (tmp_path / "load.csv").write_text("timestamp,value\n" + "\n".join(rows))
    series = load_history(tmp_path / "load.csv")
    assert series.step == MINUTE
    np.testing.assert_array_equal(series.values, [0, 1, 2, 3, 4.5, NAN, 6, 7])


def test_finer_files_become_minutes(tmp_path: Path) -> None:
    path = write_history(tmp_path / "load.csv", a_series(np.arange(12.0), timedelta(seconds=15)))
    assert load_history(path).values.tolist() == [1.5, 5.5, 9.5]
    assert load_history(path, finest=timedelta(seconds=15)).values.tolist() == list(range(12))


def test_a_gap_of_months_stays_a_gap(tmp_path: Path) -> None:
    last = MONDAY + timedelta(days=200)
    (tmp_path / "load.csv").write_text(GOOD + f"{last.isoformat()},9\n")
    series = load_history(tmp_path / "load.csv")
    assert len(series) == 200 * 1440 + 1
    assert series.known.sum() == 5


def lines(*rows: str) -> str:
    return "\n".join([*ROWS, *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "the first line is empty; expected the header timestamp,value"),
        ("time,load\n", "the first line is 'time,load'; expected the header timestamp,value"),
        ("x" * 5000, "the first line is 'x{60}…'"),
        ("value,timestamp\n1,2026-01-05T00:00:00Z\n", "the first line is 'value,timestamp'"),
        ("timestamp,value\n", "0 rows; expected at least 3"),
        ("\n".join(ROWS[:3]), "2 rows; expected at least 3"),
        (lines(ROWS[-1]), "line 6: timestamp 2026-01-05T00:03:00.00:00 is repeated; sort the rows"),
        (lines(ROWS[1]), "line 6: timestamp 2026-01-05T00:00:00.* comes after 2026-01-05T00:03:00"),
        (lines("2026-01-05T00:04:00Z,-1"), "line 6: value -1 is negative"),
        (lines("2026-01-05T00:04:00Z,"), "line 6: the value is missing; leave the row out"),
        (lines("2026-01-05T00:04:00Z"), "line 6: 1 cells; expected two"),
        (lines("2026-01-05T00:04:00Z,1,5"), "line 6: 3 cells; expected two"),
        (lines("2026-01-05T00:04:00Z,NaN"), "line 6: value 'NaN'; expected a finite number"),
        (lines("2026-01-05T00:04:00Z,inf"), "line 6: value 'inf'; expected a finite number"),
        (lines("2026-01-05T00:04:00Z,1e400"), "line 6: value '1e400'; expected a finite number"),
        (lines("2026-01-05T00:04:00Z,1.1e15"), "line 6: value 1.1e.15 is larger than 1e.15; is the unit right"),
        (
            lines("2026-01-05T00:04:00Z,many"),
            "line 6: value 'many'; expected a number; leave the row out where nothing was measured",
        ),
        (lines("2026-01-05T00:04:00Z,1_000"), "line 6: value '1_000'; expected a number"),
        (lines("noon,1"), "line 6: timestamp 'noon'; expected ISO 8601, for example"),
        (lines("1767571440,1"), "line 6: timestamp '1767571440'; expected ISO 8601"),
        (lines("0001-01-01T00:00:00+05:00,1"), "line 6: timestamp '0001-01-01T00:00:00.05:00'; expected ISO 8601"),
        (lines("1970-01-01T00:00:00Z,1"), "line 6: timestamp 1970-.* lies outside 1980..2200; wrong unit"),
        (lines("9026-01-05T00:00:00Z,1"), "line 6: timestamp 9026-.* lies outside 1980..2200; wrong unit"),
        (lines("2036-01-05T00:00:00Z,1"), r"spans 3652 days, 5,258,881 bins of 60 s; expected at most 1098 days"),
        (as_csv(a_series([1] * 9, timedelta(seconds=1))) + "2026-06-05T00:00:00Z,1\n", "at most .* 10,000,000 bins"),
        (
            "timestamp,value\n" + "".join(f"2026-01-05T00:{7 * k:02}:00Z,1\n" for k in range(4)),
            "rows are 420 s apart, which does not divide a day; resample the file to 1 or 5 minutes",
        ),
        ("timestamp,value\n" + "".join(f"2026-01-{7 * k + 1:02},1\n" for k in range(4)), "rows are 604800 s apart"),
        (lines('2026-01-05T00:04:00Z,"' + "1" * 200_000), "is not CSV .*; is the file whole"),
    ],
)
def test_bad_rows_stop_the_reading(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "load.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BadHistory, match=found) as raised:
        load_history(path)
    assert str(raised.value).startswith(str(path))
    assert len(str(raised.value)) < 400


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(BadHistory, match="no such file"):
            load_history(tmp_path / name)
    for name in ("folder", "folder.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(BadHistory, match="is a folder; name one history file"):
            load_history(tmp_path / name)


def whole() -> bytes:
    return gzip.compress(as_csv(a_load()).encode())


@pytest.mark.parametrize(
    "content",
    [
        whole()[: len(whole()) // 2],
        whole()[:5],
        whole()[:100] + bytes(200) + whole()[300:],
        whole()[:-8] + bytes(8),
        b"\x89PNG\r\n\x1a\n\xff\xfe",
    ],
    ids=["half", "header only", "a hole", "wrong checksum", "a picture"],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "load.csv.gz").write_bytes(content)
    with pytest.raises(BadHistory, match=r"cannot be read as CSV or gzipped CSV .*; is the file whole\?"):
        load_history(tmp_path / "load.csv.gz")


def write_parquet(path: Path, **columns: list[object]) -> Path:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.mark.parametrize(
    "at",
    [
        lambda k: MONDAY + k * MINUTE,
        lambda k: (MONDAY + k * MINUTE).replace(tzinfo=None),
        lambda k: (MONDAY + k * MINUTE).astimezone(ZoneInfo("Asia/Tokyo")),
        lambda k: (MONDAY + k * MINUTE).isoformat(),
    ],
    ids=["UTC", "no zone is UTC", "another zone", "text"],
)
def test_parquet_gives_the_same_series(tmp_path: Path, at: object) -> None:
    assert callable(at)
    times: list[object] = [at(k) for k in (0, 1, 2, 4)]
    series = load_history(
        write_parquet(tmp_path / "load.parquet", timestamp=times, value=[1, 2.0, 3, 5], other=[0] * 4)
    )
    assert series.start == MONDAY
    np.testing.assert_array_equal(series.values, [1, 2, 3, NAN, 5])


def test_parquet_with_nanoseconds(tmp_path: Path) -> None:
    times = [np.datetime64("2026-01-05T00:00:00.000000001") + np.timedelta64(k, "m") for k in range(3)]
    series = load_history(write_parquet(tmp_path / "load.parquet", timestamp=list(times), value=[1, 2, 3]))
    assert (series.start, series.values.tolist()) == (datetime(2026, 1, 5, tzinfo=UTC), [1, 2, 3])


def test_bad_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "load.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(BadHistory, match="cannot be read as Parquet"):
        load_history(path)
    with pytest.raises(BadHistory, match="one column timestamp and one column value"):
        load_history(write_parquet(path, timestamp=[MONDAY], load=[1.0]))
    with pytest.raises(BadHistory, match="line 2: the value is missing"):
        load_history(write_parquet(path, timestamp=[MONDAY, MONDAY + MINUTE], value=[1.0, None]))
    with pytest.raises(BadHistory, match="line 1: timestamp '17'; expected ISO 8601"):
        load_history(write_parquet(path, timestamp=[17], value=[1.0]))


@pytest.mark.parametrize(
    ("kind", "zone", "first"),
    [("s", None, 10**12), ("us", "UTC", 9_000_000_000_000_000_000), ("us", "Mars/Olympus", 0)],
)
def test_parquet_with_times_that_are_none_is_refused(tmp_path: Path, kind: str, zone: str | None, first: int) -> None:
    import pyarrow
    from pyarrow import parquet

    times = pyarrow.array([first, first + 1, first + 2], pyarrow.int64()).cast(pyarrow.timestamp(kind, zone))
    path = tmp_path / "load.parquet"
    parquet.write_table(pyarrow.table({"timestamp": times, "value": [1.0, 2.0, 3.0]}), path)
    with pytest.raises(BadHistory, match=r"load\.parquet: cannot be read as Parquet"):
        load_history(path)
