"""What is kept in memory: the newest, in order, within the bytes that were granted, shared by all policies."""

from __future__ import annotations

import random

from controller.recent import MOST, Recent
from tests.helpers.builders import a_policy, at

GATEWAY, OTHER = ("chat", "gateway"), ("chat", "other")
POLICY = a_policy()


def line(k: int, size: int = 100) -> bytes:
    """As hard to compress as random letters are."""
    return f"{k} {random.Random(k).randbytes(size).hex()}\n".encode()


def filled(count: int, limit: int = 10**6) -> Recent:
    recent = Recent(limit)
    for k in range(count):
        recent.add(GATEWAY, POLICY, at(seconds=15 * k), line(k))
    return recent


def test_the_newest_come_last_and_after_a_moment() -> None:
    recent = filled(5)
    assert recent.lines(GATEWAY) == [line(k) for k in range(5)]
    assert recent.lines(GATEWAY, most=2) == [line(3), line(4)]
    assert recent.lines(GATEWAY, after=at(seconds=30)) == [line(3), line(4)]
    assert recent.lines(GATEWAY, after=at(seconds=60)) == []
    assert (recent.lines(OTHER), recent.policy(OTHER), recent.policy(GATEWAY)) == ([], None, POLICY)


def test_of_a_policy_so_many_are_kept() -> None:
    recent = filled(MOST + 10)
    assert recent.lines(GATEWAY) == [line(k) for k in range(10, MOST + 10)]


def test_all_share_what_was_granted() -> None:
    recent = filled(200, limit=8000)
    alone = len(recent.lines(GATEWAY))
    for k in range(200):
        for key in (GATEWAY, OTHER):
            recent.add(key, POLICY, at(seconds=15 * (200 + k)), line(k))
    assert recent.size <= 8000
    assert len(recent.lines(GATEWAY)) == len(recent.lines(OTHER)) < alone
    assert recent.lines(OTHER)[-1] == line(199)


def test_one_that_is_larger_than_the_share_is_kept_alone() -> None:
    recent = Recent(10)
    recent.add(GATEWAY, POLICY, at(), line(0))
    recent.add(GATEWAY, POLICY, at(1), line(1))
    assert recent.lines(GATEWAY) == [line(1)]


def test_a_policy_that_is_gone_takes_nothing() -> None:
    recent = filled(5)
    recent.forget([OTHER])
    assert (recent.lines(GATEWAY), recent.size) == ([], 0)
