"""What may be quoted of a plugin's stderr, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.auth.redact import known_secrets, quote_stderr

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"got {JWT} back", "got [redacted] back"),
        ("Authorization: Bearer abc.def", "[redacted]"),
        ("curl -H 'Bearer s3cret'", "Bearer [redacted]"),
        ("password=hunter2 given", "password=[redacted] given"),
        ('{"access_token": "ya29.xyz", "n": 1}', '"access_token": "[redacted]"'),
        ("client_secret: abcd1234", "client_secret: [redacted]"),
        ("client_secret: 'abcdefgh'", "client_secret: '[redacted]'"),
        ("token=abcdefgh", "token=[redacted]"),
        ("token:abcdefgh", "token:[redacted]"),
        ("password: hunter", "password: [redacted]"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXU/K7", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        ("https://jane:hunter2@proxy:1 failed", "https://[redacted]@proxy:1 failed"),
        ("key wJalrXUtnFEMI7K7MDENGbPxRfiCY/EXAMPLEKEY", "key [redacted]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "[redacted]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"),
        ("DB_PASS=hunter2", "DB_PASS=[redacted]"),
        ("APP_CRED=hunter2 PWD_X=hunter2", "APP_CRED=[redacted] PWD_X=[redacted]"),
        ("key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY0", "key [redacted]"),
        ("Token: AbCdEfGh", "Token: [redacted]"),
        ("the password is hunter2", "the password is [redacted]"),
        ("GET https://h/cb?code=abcd&x=1", "https://h/cb?code=[redacted]&x=1"),
        ("key=" + "0f" * 16, "key=[redacted]"),
        ("digest:" + "0f" * 16, "digest:[redacted]"),
    ],
)
def test_a_secret_is_masked(text: str, expected: str) -> None:
    assert expected in quote_stderr(text, ())


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: (gcloud.config.config-helper) Reauthentication failed.",
        "Run: aws sso login --profile production",
        "no such file: /usr/lib/google-cloud-sdk/bin/gke-gcloud-auth-plugin",
        "Request id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed",
        "dial tcp: lookup login.microsoftonline.com: no such host",
        "failed to get token: context deadline exceeded",
        "The SSO session has expired, or is otherwise invalid.",
        "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/secrets/token is missing",
        "the token is expired, the password is wrong",
        "open https://microsoft.com/devicelogin and enter the code ABCD-EFGH",
    ],
)
def test_what_helps_a_person_stays(text: str) -> None:
    assert quote_stderr(text, ()) == text


def test_what_the_plugin_was_given_is_masked_wherever_it_is() -> None:
    environ = {
        "AZURE_CLIENT_SECRET": "abc-def",
        "HOME": "/home/jane",
        "TOKEN_OK": "1",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
    }
    args = ("get-token", "--client-secret", "s3cret!", "--password=pass:word", "--x")
    secrets = known_secrets(environ, args)
    assert secrets == {"abc-def", "s3cret!", "pass:word"}
    said = "bad abc-def, s3cret!, pass:word in /home/jane"
    assert quote_stderr(said, secrets) == (
        "bad [redacted], [redacted], [redacted] in /home/jane"
    )


def test_what_a_kubeconfig_gives_is_masked_but_for_paths_and_commands() -> None:
    environ = {"DB_PASS": "pa55word", "MY_CRED": "cr3dential", "PWD": "/home/jane"}
    environ |= {"API_KEY": "k3y-of-api", "GOOGLE_APPLICATION_CREDENTIALS": "/a/b.json"}
    args = (
        "get-token",
        "-v",
        "/opt/login.py",
        "--id=6dae42f8",
        "arn:aws:1",
        "https://h/x",
    )
    given = (("REALM", "Q7-realm"), ("CACHE", "/var/cache"), ("ON", "true"))
    assert known_secrets(environ, args, given) == {
        "pa55word", "cr3dential", "k3y-of-api", "6dae42f8", "arn:aws:1", "Q7-realm",
    }  # fmt: skip


def test_it_is_one_line_without_terminal_sequences() -> None:
    text = "\x1b[31mError\x1b[0m\r\n\n\tit\x07 failed\x1b]0;title\x07\n"
    assert quote_stderr(text, ()) == "Error | it failed"


def test_only_the_end_is_quoted() -> None:
    text = quote_stderr("word " * 1000 + "end", ())
    assert len(text) == 601
    assert text.startswith("…")
    assert text.endswith("end")


@given(st.text())
def test_nothing_unprintable_is_left(text: str) -> None:
    assert quote_stderr(text, ()).isprintable()
