"""Where histories come from: files or queries; what is asked of the server, and every call that names none."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forecaster.errors import BadHistory
from forecaster.prometheus import Query
from forecaster.range_query import SETTLE
from forecaster.series import Kind
from foresail.cli import main
from foresail.commands.history_options import (
    add_history_options,
    from_prometheus,
    load_histories,
    parse_queries,
    read_histories,
    read_history,
)
from foresail.errors import UsageError
from tests.helpers.histories import MINUTE, MONDAY, a_load, write_history
from tests.helpers.http_servers import Answer, Asked, Server, a_server, matrix, vector


def flat(asked: Asked) -> Answer:
    if asked.path.endswith("/query"):
        return vector({})
    first, last, step = (int(asked.params[name]) for name in ("start", "end", "step"))
    return matrix(({}, [(at, "7") for at in range(first, last + 1, step)]))


@pytest.fixture
def server() -> Iterator[Server]:
    with a_server(flat) as server:
        yield server


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_history_options(parser)
    return parser.parse_args(arguments)


def at(asked: Asked, name: str) -> datetime:
    return datetime.fromtimestamp(float(asked.params[name]), UTC)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("sum(x)", Query("sum(x)", Kind.FLOW, "sum(x)")),
        ("chat=sum(x)", Query("sum(x)", Kind.FLOW, "chat")),
        ("chat:stock=sum(x)", Query("sum(x)", Kind.STOCK, "chat")),
        ("chat.v-2:flow=sum(x)", Query("sum(x)", Kind.FLOW, "chat.v-2")),
        ("chat=x == 1", Query("x == 1", Kind.FLOW, "chat")),
        ("x==1", Query("x==1", Kind.FLOW, "x==1")),
        ('x{pod="a"}', Query('x{pod="a"}', Kind.FLOW, 'x{pod="a"}')),
        ("job:x:stock", Query("job:x:stock", Kind.FLOW, "job:x:stock")),
        ("job:x:stock=job:x:sum", Query("job:x:stock=job:x:sum", Kind.FLOW, "job:x:stock=job:x:sum")),
        ("x=\nsum(x)", Query("\nsum(x)", Kind.FLOW, "x")),
        ("sum(\n  x\n)", Query("sum(\n  x\n)", Kind.FLOW, "sum( x )")),
        ("x" * 99, Query("x" * 99, Kind.FLOW, "x" * 60 + "…")),
    ],
)
def test_a_query_has_its_name_and_kind_before_it(text: str, query: Query) -> None:
    assert parse_queries([text], Kind.FLOW) == [query]


def test_the_kind_of_the_command_is_that_of_queries_that_say_none() -> None:
    kinds = [query.kind for query in parse_queries(["a=x", "b:flow=x", "c:stock=x"], Kind.STOCK)]
    assert kinds == [Kind.STOCK, Kind.FLOW, Kind.STOCK]


def test_a_file_is_read_as_before(tmp_path: Path) -> None:
    path = write_history(tmp_path / "chat.csv", a_load(1))
    options = parsed(str(path), "--kind", "stock")
    series = read_history(options)
    assert (series.name, series.kind) == ("chat", Kind.STOCK)


def test_several_files_are_read_in_their_order(tmp_path: Path) -> None:
    paths = [write_history(tmp_path / f"{name}.csv", a_load(1)) for name in ("web", "chat")]
    assert [series.name for series in read_histories(parsed(), paths)] == ["web", "chat"]


def test_the_last_days_are_asked_for_but_not_what_may_still_change(server: Server) -> None:
    before = datetime.now(UTC)  # noqa: TID251  the command reads the clock, and so must its test
    options = parsed("--prometheus", server.url, "--query", "chat:stock=sum(x)", "--days", "2", "--step", "5m")
    series = read_history(options)
    after = datetime.now(UTC)  # noqa: TID251
    assert before - SETTLE - 5 * MINUTE < series.end <= after - SETTLE
    assert (len(series), series.step, series.name, series.kind) == (576, 5 * MINUTE, "chat", Kind.STOCK)
    assert {asked.params["query"] for asked in server.asked} == {"sum(x)"}


def test_a_moment_ends_what_is_asked_for(server: Server) -> None:
    until = ("--until", "2026-01-06T01:00:40+01:00", "--days", "1")
    series = read_history(parsed("--prometheus", server.url, "--query", "sum(x)", *until))
    assert (series.start, series.end) == (MONDAY, MONDAY + timedelta(days=1))
    assert at(server.asked[-1], "end") == series.end


def test_a_moment_to_come_is_now(server: Server) -> None:
    options = parsed("--prometheus", server.url, "--query", "sum(x)", "--until", "2190-01-01T00:00Z", "--days", "1")
    assert read_history(options).end <= datetime.now(UTC) - SETTLE  # noqa: TID251  as above


def test_token_headers_and_parameters_are_sent(server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    sent = ["--prometheus-header", "X-Scope-OrgID: chat: one", "--prometheus-header", "Via:x"]
    sent += ["--prometheus-param", "dedup=true", "--prometheus-token-file", str(tmp_path / "token")]
    read_history(parsed("--prometheus", server.url, "--query", "sum(x)", "--days", "1", *sent))
    for asked in server.asked:
        assert asked.headers["X-Scope-OrgID"] == "chat: one"
        assert asked.headers["Via"] == "x"
        assert asked.headers["Authorization"] == "Bearer secret"
        assert asked.params["dedup"] == "true"


def test_several_queries_are_histories_of_one_grid(server: Server) -> None:
    options = parsed("--prometheus", server.url, "--query", "a:stock=x", "--query", "b=y", "--days", "1")
    a, b = from_prometheus(options)
    assert (a.name, a.kind, b.name, b.kind) == ("a", Kind.STOCK, "b", Kind.FLOW)
    assert (a.start, len(a)) == (b.start, len(b))
    with pytest.raises(UsageError, match="2 queries; this command takes one history"):
        read_history(options)


def test_without_a_server_there_is_nothing_to_read() -> None:
    assert from_prometheus(parsed()) == []


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], "no history; name a FILE, or --prometheus URL with --query QUERY"),
        (["chat.csv", "--prometheus", "http://x"], "a FILE and --prometheus; expected one of them"),
        (["chat.csv", "--query", "x"], "a FILE and --query; expected one of them"),
        (["--query", "x"], "--query without --prometheus; name the server"),
        (["--prometheus", "http://x"], "--prometheus without a query; say what to ask"),
        (["--prometheus", "http://x", "--query", ""], "--query ''; expected PROMQL, NAME=PROMQL or NAME:stock=PROMQL"),
        (["--prometheus", "http://x", "--query", "a= "], "--query 'a= '; expected PROMQL"),
        (["--prometheus", "http://x", "--query", "x", "--step", "7m"], "--step 7m; expected a time that divides a day"),
        (["--prometheus", "http://x", "--query", "x", "--step", "0s"], "--step 0s; expected a time that divides a day"),
        (["--prometheus", "http://x", "--query", "x", "--step", "1"], "--step 1; expected a time that divides a day"),
        (["--prometheus", "http://x", "--query", "x", "--days", "0"], "0 days of history; expected more than 0"),
        (["--prometheus", "http://x", "--query", "x", "--days", "nan"], "nan days of history; expected more than 0"),
        (["--prometheus", "http://x", "--query", "x", "--days", "2000"], "2000 days of history; .* at most 1098"),
        (["--prometheus", "http://x", "--query", "x", "--until", "noon"], "--until 'noon'; expected ISO 8601"),
        (["--prometheus", "http://x", "--query", "x", "--until", "2026-01-05"], "has no time zone; append Z"),
        (["--prometheus", "http://x", "--query", "x", "--until", "9999-12-31T23:59:59Z"], "lies outside 1980..2200"),
        (["--prometheus", "http://x", "--query", "x", "--until", "0001-01-01T00:00+14:00"], "lies outside 1980..2200"),
        (["--prometheus", "http://x", "--query", "x", "--prometheus-header", "a"], "-header 'a'; expected NAME:VALUE"),
        (["--prometheus", "http://x", "--query", "x", "--prometheus-param", "=a"], "-param '=a'; expected NAME=VALUE"),
    ],
)
def test_a_call_that_names_no_history_is_refused(arguments: list[str], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        read_history(parsed(*arguments))


def test_two_queries_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two queries named a; give each a name of its own"):
        parse_queries(["a=x", "b=x", "a=y"], Kind.FLOW)


def test_less_than_a_bin_is_refused(server: Server) -> None:
    with pytest.raises(BadHistory, match="0 bins of 0:01:00; expected at least one"):
        read_history(parsed("--prometheus", server.url, "--query", "x", "--days", "0.0001"))


def test_several_files_without_a_zone_are_noted_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write_history(tmp_path / f"{name}.csv", a_load()) for name in ("chat", "shop", "news")]
    assert [one.name for one in load_histories(files)] == ["chat", "shop", "news"]
    assert capsys.readouterr().err == ""
    for path in files[1:]:
        path.write_text(path.read_text().replace("+00:00", ""))
    load_histories(files)
    assert capsys.readouterr().err == f"{files[1]} and 1 more: timestamps without a time zone, read as UTC\n"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--history-days", "7"], "--history-days"),
        (["--step", "15s", "--until", "2026-01-05T00:00:00Z"], "--step, --until"),
        (["--prometheus-header", "X: y"], "--prometheus-header"),
    ],
)
def test_what_says_how_a_prometheus_is_read_is_refused_beside_a_file(
    tmp_path: Path, given: list[str], named: str
) -> None:
    history = write_history(tmp_path / "chat.csv", a_load(2))
    with pytest.raises(UsageError, match=rf"^{named} with a FILE; .*: leave it out"):
        read_history(parsed(str(history), *given))
    with pytest.raises(UsageError, match=rf"^{named} without --prometheus; .*: leave it out"):
        from_prometheus(parsed(*given))


@pytest.mark.parametrize("call", ["forecast", "backtest", "replay", "load --url ws://127.0.0.1:1/ws", "refit --out m"])
def test_no_result_takes_the_place_of_the_history(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    history = write_history(tmp_path / "chat.csv", a_load(2))
    before = history.read_bytes()
    assert main([*call.split(), "chat.csv", "--json", str(history)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "chat.csv: is what the history" in said
    assert "is read from; name another file to write" in said
    assert history.read_bytes() == before


def test_no_result_takes_the_place_of_a_history_that_has_the_name_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    one, other = (write_history(tmp_path / folder / "chat.csv", a_load(2)) for folder in ("a", "b"))
    before = one.read_bytes()
    assert main(["backtest", str(one), str(other), "--model", "last-value", "--json", str(one)]) == 2
    assert "is read from; name another file to write" in " ".join(capsys.readouterr().err.split())
    assert one.read_bytes() == before
