"""One fetch at a time: for fifty threads, at expiry, after a 401, and when it fails."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from kubemetrics.auth import Credential, sources
from kubemetrics.auth.sources import AbandonedError, Refreshing
from kubemetrics.errors import CredentialError

from .clock import START, Clock

HANG = 60.0
"""Seconds after which a test that waits in vain is ended."""


class Issuer:
    """Hands out numbered credentials that last *lifetime* seconds."""

    def __init__(self, clock: Clock, lifetime: float | None = 600.0) -> None:
        self.clock = clock
        self.lifetime = lifetime
        self.fetches = 0
        self.before: Callable[[], object] = lambda: None
        self.failure = ""
        self.same = False
        self.told: list[Credential | None] = []

    def obtain(self, rejected: Credential | None) -> Credential:
        self.fetches += 1
        self.told.append(rejected)
        self.before()
        if self.failure:
            raise CredentialError(self.failure)
        number = 1 if self.same else self.fetches
        expires = None if self.lifetime is None else self.clock() + self.lifetime
        return Credential(authorization=f"Bearer {number}", expires_at=expires)

    def source(self) -> Refreshing:
        return Refreshing(self.obtain, _a_minute_early, self.clock)


def meeting(source: Refreshing, issuer: Issuer, many: int) -> None:
    """Let no fetch go on until *many* wait for it."""

    def wait() -> None:
        until = time.monotonic() + HANG
        while len(source._waiters) < many:
            assert time.monotonic() < until
            time.sleep(0.002)

    issuer.before = wait


def _a_minute_early(credential: Credential, _now: float) -> float:
    return math.inf if credential.expires_at is None else credential.expires_at - 60


def at_once(count: int, work: Callable[[], object]) -> list[object]:
    barrier = threading.Barrier(count)

    def wait_and_work(_: int) -> object:
        barrier.wait(HANG)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_work, range(count)))


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(Clock())


def test_nothing_is_cached_before_the_first_fetch(issuer: Issuer) -> None:
    source = issuer.source()
    assert source.cached() is None
    assert source.fetch() is source.cached()
    assert issuer.fetches == 1


def test_it_is_renewed_early(issuer: Issuer) -> None:
    source = issuer.source()
    first = source.fetch()
    issuer.clock.now = START + 539
    assert source.cached() is first
    issuer.clock.now = START + 540
    assert source.cached() is None
    assert source.fetch() != first
    assert issuer.fetches == 2


def test_without_an_end_it_lasts(issuer: Issuer) -> None:
    issuer.lifetime = None
    source = issuer.source()
    first = source.fetch()
    issuer.clock.now += 10**9
    assert source.cached() is first


def test_fifty_threads_fetch_once(issuer: Issuer) -> None:
    source = issuer.source()
    meeting(source, issuer, 50)
    found = at_once(50, source.fetch)
    assert issuer.fetches == 1
    assert set(found) == {Credential(authorization="Bearer 1")}


def test_cached_does_not_wait_for_a_fetch(issuer: Issuer) -> None:
    source = issuer.source()
    fetching, told = threading.Event(), threading.Event()

    def hold() -> None:
        fetching.set()
        told.wait(HANG)

    issuer.before = hold
    thread = threading.Thread(target=source.fetch)
    thread.start()
    assert fetching.wait(HANG)
    assert source.cached() is None
    assert thread.is_alive()
    told.set()
    thread.join(HANG)
    assert source.cached() is not None


def test_a_burst_of_fifty_401s_fetches_once(issuer: Issuer) -> None:
    """Item 6: asyncio#257, kr8s#536: each of them had its own refresh."""
    source = issuer.source()
    old = source.fetch()
    meeting(source, issuer, 50)

    def refused() -> Credential:
        assert source.rejected(old)
        return source.fetch()

    found = at_once(50, refused)
    assert issuer.fetches == 2
    assert set(found) == {Credential(authorization="Bearer 2")}


def test_a_late_401_to_an_older_credential_is_no_news(issuer: Issuer) -> None:
    source = issuer.source()
    old = source.fetch()
    source.rejected(old)
    new = source.fetch()
    assert source.rejected(old)
    assert source.cached() is new


def test_a_burst_of_401s_fetches_once_even_if_nothing_changes(issuer: Issuer) -> None:
    issuer.same = True
    source = issuer.source()
    old = source.fetch()

    def refused() -> Credential:
        source.rejected(old)
        return source.fetch()

    assert set(at_once(50, refused)) == {old}
    assert issuer.fetches == 2


def test_the_rejected_credential_is_told_to_whoever_fetches(issuer: Issuer) -> None:
    source = issuer.source()
    old = source.fetch()
    source.rejected(old)
    source.fetch()
    assert issuer.told == [None, old]


def test_whoever_waited_shares_a_failure(issuer: Issuer) -> None:
    issuer.failure = "no"

    def fail() -> str:
        with pytest.raises(CredentialError) as caught:
            source.fetch()
        return str(caught.value)

    source = issuer.source()
    meeting(source, issuer, 20)
    assert set(at_once(20, fail)) == {"no"}
    assert issuer.fetches == 1


def test_a_later_call_tries_again_after_a_failure(issuer: Issuer) -> None:
    source = issuer.source()
    issuer.failure = "no"
    with pytest.raises(CredentialError):
        source.fetch()
    issuer.failure = ""
    assert source.fetch().authorization == "Bearer 2"


def test_a_failed_early_renewal_keeps_what_is_still_good(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    source = issuer.source()
    first = source.fetch()
    issuer.clock.now = START + 550
    issuer.failure = "no"
    with caplog.at_level(logging.WARNING, "kubemetrics"):
        assert source.fetch() == first
    assert "using the last credential, which could not be renewed: no" in caplog.text
    assert source.cached() == first  # and does not try again with each request
    issuer.clock.now += 6
    assert source.cached() is None
    issuer.clock.now = START + 601
    with pytest.raises(CredentialError, match="no"):
        source.fetch()


def test_what_was_rejected_is_not_kept(issuer: Issuer) -> None:
    source = issuer.source()
    source.rejected(source.fetch())
    issuer.failure = "no"
    with pytest.raises(CredentialError, match="no"):
        source.fetch()


def test_a_renewal_is_not_overwritten_by_a_401_to_the_old_credential(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads, a 401 and a renewal: three runs of a plugin instead of two."""
    source = issuer.source()
    old = source.fetch()
    issuer.clock.now += 560
    renewing = threading.Thread(target=source.fetch)

    def slow(held: sources._Held, **changes: Any) -> sources._Held:  # noqa: ANN401
        if not renewing.ident:
            renewing.start()
            renewing.join(0.3)  # without a lock it ends here, and is then overwritten
        return replace(held, **changes)

    monkeypatch.setattr(sources, "replace", slow)
    source.rejected(old)
    renewing.join(HANG)
    assert source.fetch().authorization == "Bearer 2"
    assert issuer.fetches == 2


def test_a_credential_refused_during_a_failed_renewal_is_not_kept(
    issuer: Issuer,
) -> None:
    source = issuer.source()
    old = source.fetch()
    issuer.clock.now += 560
    issuer.failure = "no"
    issuer.before = lambda: source.rejected(old)
    with pytest.raises(CredentialError, match="no"):
        source.fetch()


def test_a_call_that_waits_for_anothers_fetch_leaves_when_its_time_is_over(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "WAIT", 0.01)
    source = issuer.source()
    fetching, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        fetching.set()
        assert go_on.wait(HANG)

    issuer.before = hold
    first = threading.Thread(target=source.fetch)
    first.start()
    assert fetching.wait(HANG)
    wants = iter([True, True, False])
    with pytest.raises(AbandonedError):
        source.fetch(lambda: next(wants))
    go_on.set()
    first.join(HANG)
    assert source.cached() is not None
