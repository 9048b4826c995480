"""When a token or a certificate ends, read without verifying it."""

from __future__ import annotations

import math
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from kubemetrics.auth import certificate_expiry, earliest, token_expiry
from kubemetrics.cli.config_command import credentials_of
from kubemetrics.config.model import AuthInfo, Config
from tests.transport.certs import leaf, ordinary

from .clock import jwt


def test_a_jwt_says_when_it_ends() -> None:
    assert token_expiry(jwt(exp=1234)) == 1234.0
    assert token_expiry(jwt(exp=1234.5)) == 1234.5


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b.c",
        "a.b",
        "a.é.c",
        jwt(),
        jwt(exp=None),
        jwt(exp=[1]),
        jwt(exp="soon"),
        jwt(exp=10**400),
        "a.W10.c",
        f"a.{b64encode(b'[' * 100_000).decode()}.c",
    ],
)
def test_another_token_does_not(token: str) -> None:
    assert token_expiry(token) is None


def claims(exp: str) -> str:
    text = '{"exp": ' + exp + "}"
    return f"a.{b64encode(text.encode()).decode()}.c"


@pytest.mark.parametrize(
    "exp",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e12",
        "9" * 400,
        "true",
        '"nan"',
        "1e99999999999999999999",
        "[" * 400_000,
    ],
)
def test_what_is_no_time_is_no_end(exp: str) -> None:
    assert token_expiry(claims(exp)) is None


@pytest.mark.parametrize("exp", ["1767225600000", "253402300800", '"253402300800"'])
def test_what_ends_after_the_year_9999_as_milliseconds_do_never_ends(exp: str) -> None:
    config = Config(server="https://x", auth=AuthInfo(token=claims(exp)))
    assert token_expiry(config.auth.token) == math.inf
    assert [fact.expires for fact in credentials_of(config)] == ["never"]


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    assert token_expiry(f"a.{text}.c") is None or text


@settings(max_examples=15, deadline=None)
@given(st.datetimes(datetime(2026, 12, 31), datetime(9999, 12, 31)))  # noqa: DTZ001
def test_not_after_is_what_cryptography_reads(end: datetime) -> None:
    end = end.replace(tzinfo=UTC, microsecond=0)
    issued = leaf(ordinary(), end=end)
    assert certificate_expiry(issued.key + issued.pem) == end.timestamp()
    assert issued.cert.not_valid_after_utc == end


@pytest.mark.parametrize("end", [datetime(1999, 1, 2, tzinfo=UTC)])
def test_a_time_of_the_last_century_is_read(end: datetime) -> None:
    issued = leaf(ordinary(), start=datetime(1998, 1, 1, tzinfo=UTC), end=end)
    assert certificate_expiry(issued.pem) == end.timestamp()


@given(st.binary())
def test_garbage_has_no_expiry(data: bytes) -> None:
    assert certificate_expiry(data) is None
    pem = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"
    assert certificate_expiry(data + pem) is None


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_certificate_never_raises(at: int, byte: int) -> None:
    der = bytearray(_DAMAGED.cert.public_bytes(Encoding.DER))
    der[at % len(der)] = byte
    body = b64encode(der)
    pem = b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----" % body
    assert isinstance(certificate_expiry(pem), float | None)


_DAMAGED = leaf(ordinary())


def test_the_earliest_time_counts() -> None:
    assert earliest(None, 3.0, 2.0) == 2.0
    assert earliest(None) is None
