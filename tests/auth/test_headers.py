"""The header values: what is sent, and what is refused before httpx sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.auth import basic, bearer, impersonation_headers, token_problem
from kubemetrics.config.model import Config, Impersonation
from kubemetrics.errors import ConfigError


def test_a_token_is_stripped() -> None:
    """Item 23: kubernetes-client/python#2258: a trailing newline in the file."""
    assert bearer(" t0ken\r\n") == "Bearer t0ken"
    assert token_problem(" t0ken\r\n") == ""


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("a\nb", "control character"),
        ("a\x00b", "control character"),
        ("a\x7fb", "control character"),
        ("tökén", "not ASCII"),
        ("a\u2028b", "not ASCII"),
    ],
)
def test_a_token_no_header_can_hold_is_refused(token: str, said: str) -> None:
    assert said in token_problem(token)


@given(st.text())
def test_a_token_that_passes_is_a_legal_header(token: str) -> None:
    if token_problem(token) == "":
        assert all(" " <= char <= "~" for char in bearer(token))


def test_user_and_password_are_sent_in_utf_8() -> None:
    assert basic("jane", "pä:ss") == "Basic amFuZTpww6Q6c3M="


def test_all_four_kinds_of_impersonation_are_sent() -> None:
    """Item 11: kubernetes-client/python#362; kubernetes/kubectl#935."""
    who = Impersonation(
        user="jane",
        uid="42",
        groups=("dev", "ops"),
        extra=(("scopes.example.com/x", ("a", "b")), ("reason", ("why",))),
    )
    assert impersonation_headers(Config(server="http://x", impersonate=who)) == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "42"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Extra-scopes.example.com%2Fx", "a"),
        ("Impersonate-Extra-scopes.example.com%2Fx", "b"),
        ("Impersonate-Extra-reason", "why"),
    )


# client-go transport/round_trippers_test.go, TestHeaderEscapeRoundTrip
@pytest.mark.parametrize(
    ("key", "escaped"),
    [
        ("alpha", "alpha"),
        ("alphanumeric123", "alphanumeric123"),
        ("kebab-case", "kebab-case"),
        ("foo.bar", "foo.bar"),
        ("100%", "100%25"),
        ("a b", "a%20b"),
        ("a:b", "a%3Ab"),
        ("ü", "%C3%BC"),
    ],
)
def test_an_extra_key_is_escaped_as_client_go_does(key: str, escaped: str) -> None:
    who = Impersonation(user="jane", extra=((key, ("v",)),))
    headers = impersonation_headers(Config(server="https://x", impersonate=who))
    assert headers[1] == (f"Impersonate-Extra-{escaped}", "v")


def test_blanks_around_an_impersonated_name_are_dropped() -> None:
    """Go drops them as well; h11 would refuse them."""
    config = Config(
        server="x", impersonate=Impersonation(user="\tjane  ", groups=(" ",))
    )
    assert impersonation_headers(config) == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", ""),
    )


def test_nobody_is_impersonated_without_being_asked() -> None:
    assert impersonation_headers(Config(server="https://x")) == ()


def test_a_line_break_in_a_group_is_refused() -> None:
    who = Impersonation(user="jane", groups=("a\r\nX-Evil: 1",))
    with pytest.raises(ConfigError, match="Impersonate-Group holds a control"):
        impersonation_headers(Config(server="https://x", impersonate=who))
