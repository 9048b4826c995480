from __future__ import annotations

import pytest

from kubemetrics.config.validate import check_proxy, parse_server


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a", "https://a"),
        ("HTTPS://a:6443", "https://a:6443"),
        ("https://a:6443/", "https://a:6443"),
        ("https://a//", "https://a"),
        ("https://rancher/k8s/clusters/c-x/", "https://rancher/k8s/clusters/c-x"),
        ("https://a/b?c=d#e", "https://a/b"),
        ("https://a//b//./c/../d", "https://a/b/d"),
        ("https://a/..", "https://a/"),
        ("https://a/%7Eme/b%2Fc%20d%0a", "https://a/~me/b/c%20d%0A"),
        ("https://a/ü b", "https://a/%C3%BC%20b"),
        ("https://a?c=d", "https://a"),
        ("https://[::1]:6443", "https://[::1]:6443"),
        ("https://[fe80::1%25eth0]:6443", "https://[fe80::1%25eth0]:6443"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("anything", "http://anything"),
    ],
)
def test_a_server_is_a_url_or_a_host_and_port(text: str, url: str) -> None:
    assert str(parse_server(text)) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://me:hunter2@a", "must not carry"),
        ("me:hunter2@a:6443", "must not carry"),
        ("ftp://hunter2", "https or http"),
        ("a:6443/hunter2", "host:port"),
        ("https://", "not a URL"),
        ("https:///hunter2", "not a URL"),
        ("//hunter2", "not a URL"),
        ("https://hunter2:port", "not a URL"),
        ("https://hunter2:99999", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://a\n.hunter2", "not a URL"),
        (" https://hunter2", "not a URL"),
        ("https://a/%hunter2", "% in its path"),
        ("https://[fe80::1%hunter2]:6443", "zone as in"),
        ("https://[fe80::1%25]:6443", "zone as in"),
        ("https://hunter2%41:6443", "zone as in"),
        ("https://a/x%2", "% in its path"),
        ("", "not a URL"),
    ],
)
def test_what_is_no_server_is_refused_without_quoting_it(
    text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_server(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["http://p", "https://p:3128", "socks5://p:1080", "http://me:hunter2@p"]
)
def test_a_proxy_is_http_https_or_socks5(text: str) -> None:
    check_proxy(text)


@pytest.mark.parametrize(
    "text", ["socks6://p", "p", "me@hunter2", "http://", "http://p:hunter2", "http:p"]
)
def test_any_other_proxy_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        check_proxy(text)
    assert "hunter2" not in str(caught.value)
