"""Reads histories from a Prometheus-compatible server, and refuses to guess.

What was asked, and when, is in `range_query`; here are the connection, its errors, and what makes an answer a history.
The query is sent as it was written: its windows and the server's lookback mean here what they mean in every other
client (docs/decisions/0007). Times are arguments; the clock is read by whoever calls.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import numpy as np
import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from forecaster.errors import BadHistory, BadSource, QueryRefused, SourceUnavailable
from forecaster.history import LARGEST, LONGEST, MOST_BINS
from forecaster.http_session import Refusal, checked_url, open_session
from forecaster.range_query import Labels, Span, check_plain, check_single, is_raw_counter, read_matrix
from forecaster.series import Kind, Series

SHORTEST = timedelta(hours=1)
"""Less than this is no history: nothing can be learned from it or measured on it."""
_LONGEST_PAUSE = timedelta(seconds=30)
_HINTS = {
    401: "; give a token that it accepts",
    403: "; give a token that it accepts, or the tenant's header",
    404: "; is this the address of a Prometheus, with its path?",
}

_PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.JSONDecodeError,
)
"""What may be over at the next attempt. The last three are of answers that began well."""

_BAD = (
    requests.RequestException,
    HTTPError,
    PrometheusApiClientException,
    UnicodeError,
    LookupError,
    TypeError,
)
"""What will be the same next time: an address or a query that cannot be sent, an answer of another kind of server."""

OnChunk = Callable[[int, int], None]
"""Called with the chunks that are done and their number."""


@dataclass(frozen=True)
class PrometheusSource:
    """Where a server is and how to ask it.

    url                as for Grafana: http(s), a path prefix where there is one, no credentials
    bearer_token_file  read anew for each request, because Kubernetes rotates tokens
    ca_file            certificates that the server's is signed by; None: the system's usual ones
    headers, params    sent with each request: a tenant's header, a parameter that only one kind of server knows
    timeout            without a byte from the server; Prometheus itself gives up after 2 minutes by default
    retries            times that a request is repeated; the pauses between are `backoff`, twice that, four times, …
    set_by             where the user has stated the address, for errors: a variable, an option, a field
    """

    url: str
    bearer_token_file: Path | None = None
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta = timedelta(seconds=130)
    retries: int = 4
    backoff: timedelta = timedelta(seconds=0.5)
    set_by: str = ""

    @property
    def address(self) -> str:
        """As an error advises to check it."""
        return f"the address, which {self.set_by} states" if self.set_by else "the address"


@dataclass(frozen=True)
class Query:
    """One signal: an expression whose result is one series."""

    promql: str
    kind: Kind = Kind.FLOW
    name: str = "value"


def load_range(source: PrometheusSource, query: Query, span: Span, on_chunk: OnChunk | None = None) -> Series:
    """The query's history over the span, from the first bin that was measured on.

    Gaps stay gaps, also at the end. Raises BadHistory where it is no history of one signal: several series, a scalar, a
    range vector, nothing, less than an hour, a raw counter, values that are infinite or negative; BadSource,
    QueryRefused or SourceUnavailable where the server gave none.
    """
    with PrometheusReader(source) as reader:
        reader.check_shape(query, span)
        series = reader.read(query, span, on_chunk)
    known = np.flatnonzero(series.known)
    where = f"{query.name} from {source.url}"
    if not len(known):
        raise BadHistory(
            f"{where}: nothing between {span.start.isoformat()} and {span.last.isoformat()}; "
            f"check names and labels of {query.promql!r}, and how long the server keeps its history"
        )
    measured = (int(known[-1]) - int(known[0]) + 1) * series.step
    if measured < SHORTEST:
        raise BadHistory(
            f"{where}: measured for {measured / timedelta(minutes=1):g} min, since "
            f"{series.time(int(known[0])).isoformat()}; expected at least an hour: wait, or ask for a longer time"
        )
    if is_raw_counter(series):
        raise BadHistory(
            f"{where}: only ever rises, but for resets: {query.promql!r} is a counter; "
            "ask for its rate, for example sum(rate(messages_total[5m]))"
        )
    return series.part(int(known[0]), len(series))


class PrometheusReader:
    """A connection to one server, kept open between queries; for one thread at a time.

    Raises BadSource where the address, a header or a file cannot be used.
    """

    def __init__(self, source: PrometheusSource) -> None:
        self._source = source
        url = checked_url(source.url)
        session = open_session(source.bearer_token_file, source.ca_file, source.headers)
        once = Retry(0, read=False)  # repeated in `_ask` instead, where an answer that breaks off counts too
        timeout_s = source.timeout.total_seconds()
        self._client = PrometheusConnect(url, session=session, retry=once, timeout=timeout_s)

    def __enter__(self) -> PrometheusReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; reading opens it again."""
        self._client.close()

    def read(self, query: Query, span: Span, on_chunk: OnChunk | None = None) -> Series:
        """The query on exactly the span's bins, NaN where the server has nothing. Raises as `load_range` does."""
        where = self._where(query)
        if span.last - span.start > LONGEST or span.bins > MOST_BINS:
            raise BadHistory(
                f"{where}: {span.bins:,} bins of {span.step.total_seconds():g} s; expected at most {LONGEST.days} days "
                f"and {MOST_BINS:,} bins: ask for a shorter time or a wider step"
            )
        labels: list[Labels] = []
        parts = []
        chunks = span.chunks()
        for done, chunk in enumerate(chunks, start=1):
            found, values = read_matrix(where, self._range(query, chunk), chunk)
            labels += [one for one in found if one not in labels]
            check_single(where, labels)  # one series a day, but not the same every day: pods come and go
            parts.append(values)
            if on_chunk:
                on_chunk(done, len(chunks))
        series = Series(span.start, span.step, np.concatenate(parts), query.kind, query.name)
        _check_values(where, series)
        return series

    def check_shape(self, query: Query, span: Span) -> None:
        """Raises BadHistory where the query's result at the span's end is not an instant vector of at most one series.

        Asked before a range, because a range query answers a scalar like a series, and because an expression that
        was not aggregated may have thousands of series: cheap at one moment, and not over weeks.
        """
        where, at = self._where(query), {"time": f"{span.last.timestamp():.0f}"}
        answer = self._ask(where, lambda: self._client.custom_query(query.promql, {**self._source.params, **at}))
        if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
            raise BadHistory(
                f"{where}: {query.promql!r} is a scalar or a string; expected a series: leave scalar() out, or name a "
                "metric"
            )
        if any("values" in one for one in answer):
            raise BadHistory(
                f"{where}: {query.promql!r} is a range vector; expected an instant vector: "
                "wrap it, for example in rate()"
            )
        check_single(where, [one.get("metric", {}) for one in answer])
        for one in answer:
            check_plain(where, one)

    def _where(self, query: Query) -> str:
        return f"{query.name} from {self._source.url}"

    def _range(self, query: Query, chunk: Span) -> object:
        return self._ask(
            self._where(query),
            lambda: self._client.custom_query_range(
                query.promql,
                chunk.first,
                chunk.last,
                f"{chunk.step.total_seconds():.0f}",
                dict(self._source.params),
            ),
        )

    def _ask(self, where: str, call: Callable[[], object]) -> object:
        """What the call returns; repeated while the server is away or busy, or its answer breaks off."""
        pause, attempts = self._source.backoff, self._source.retries + 1
        for attempt in range(1, attempts + 1):
            try:
                return call()
            except Refusal as error:
                if not error.busy:
                    raise QueryRefused(f"{where}: {error}{_HINTS.get(error.status, '')}") from None
                failure = str(error)
            except _PASSING as error:
                failure = self._described(where, error)
            except _BAD as error:
                raise BadSource(
                    f"{where}: no answer of it ({_root(error)!r}); is it a Prometheus? check {self._source.address}"
                ) from error
            if attempt < attempts:
                time.sleep(pause.total_seconds())  # noqa: TID251  the server is given time; nothing else is waited for
                pause = min(2 * pause, _LONGEST_PAUSE)
        asked = "once" if attempts == 1 else f"{attempts} times"
        raise SourceUnavailable(f"{where}: {failure}; asked {asked}: try again later, or check {self._source.address}")

    def _described(self, where: str, error: Exception) -> str:
        """Why there was no whole answer, in words; BadSource where repeating is in vain."""
        root = _root(error)
        if isinstance(root, ssl.SSLCertVerificationError):
            raise BadSource(f"{where}: {root}; name the file of the CA that signed its certificate") from error
        if isinstance(error, requests.JSONDecodeError):
            return "its answer is not whole JSON"
        if isinstance(error, requests.Timeout) or isinstance(root, TimeoutError):
            return f"no answer within {self._source.timeout.total_seconds():g} s"
        return str(root)


def _root(error: BaseException) -> BaseException:
    """The first cause: what the system said, below the libraries' wrappings."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _check_values(where: str, series: Series) -> None:
    """Raises BadHistory for the first value that is no count, level or rate; NaN is a gap."""
    wrong = series.known & ~((series.values >= 0) & (series.values <= LARGEST))
    if not wrong.any():
        return
    bin_ = int(np.argmax(wrong))
    value, at = float(series.values[bin_]), series.time(bin_ + 1).isoformat()
    if not np.isfinite(value):
        advice = "expected finite numbers: a division by zero? guard it, for example with `> 0`"
    elif value < 0:
        advice = "expected a count, a level or a rate, which are not negative"
    else:
        advice = f"expected at most {LARGEST:g}: is the unit right?"
    raise BadHistory(f"{where}: {value:g} at {at}; {advice}")
