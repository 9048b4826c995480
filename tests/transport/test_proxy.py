"""Which proxy is chosen: the kubeconfig's, or the environment's as Go reads it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.config.model import Config
from kubemetrics.errors import ConfigError
from kubemetrics.text import without_credentials
from kubemetrics.transport.endpoint import (
    Proxy,
    bypasses,
    choose,
)

# golang.org/x/net/http/httpproxy/proxy_test.go has most of these cases.
CASES = [
    ("", "example.com", 443, False),
    ("", "localhost", 443, True),
    ("", "LOCALHOST", 443, True),
    ("", "127.0.0.1", 443, True),
    ("", "127.8.9.1", 443, True),
    ("", "::1", 443, True),
    ("", "::ffff:127.0.0.1", 443, True),
    ("", "localhost.example", 443, False),
    ("*", "example.com", 443, True),
    ("foo.com, *", "example.com", 443, True),
    ("example.com", "example.com", 443, True),
    ("example.com", "EXAMPLE.com", 443, True),
    ("EXAMPLE.com", "example.com", 443, True),
    ("example.com", "api.example.com", 443, True),
    ("example.com", "notexample.com", 443, False),
    (".example.com", "api.example.com", 443, True),
    (".example.com", "example.com", 443, False),
    ("*.example.com", "api.example.com", 443, True),
    ("*.example.com", "example.com", 443, False),
    ("ample.com", "example.com", 443, False),
    ("example.com:443", "example.com", 443, True),
    ("example.com:80", "example.com", 443, False),
    ("example.com:443", "api.example.com", 443, True),
    ("192.168.1.1", "192.168.1.1", 443, True),
    ("192.168.1.1", "192.168.1.10", 443, False),
    ("192.168.1.1:6443", "192.168.1.1", 6443, True),
    ("192.168.1.1:6443", "192.168.1.1", 443, False),
    ("192.168.0.0/16", "192.168.3.4", 443, True),
    ("192.168.0.1/16", "192.168.3.4", 443, True),
    ("192.168.0.0/16", "192.169.3.4", 443, False),
    ("192.168.0.0/16", "example.com", 443, False),
    ("192.168.0.0/99", "192.168.0.1", 443, False),
    ("10.0.0.0/8", "::ffff:10.1.1.1", 443, True),
    ("fd00::/8", "fd12::1", 443, True),
    ("fd00::/8", "fe12::1", 443, False),
    ("fd00::1", "fd00::1", 443, True),
    ("fd00::1", "fd00:0:0::1", 443, True),
    ("[fd00::1]", "fd00::1", 443, True),
    ("[fd00::1]:6443", "fd00::1", 6443, True),
    ("[fd00::1]:6443", "fd00::1", 443, False),
    (" , ,foo.com,, example.com ", "example.com", 443, True),
    (":80", "example.com", 80, False),
    # An address is below no name, whatever its zone is called (CVE-2025-22870).
    ("example.com", "1000::%.example.com", 123, False),
    ("example.com", "1000::%25.example.com", 123, False),
    ("1000::", "1000::%eth0", 123, True),
    ("1000::%eth0", "1000::%eth0", 123, False),
    ("10.0.0.1%lo", "10.0.0.1", 123, False),
    ("xn--fsq092h.com", "www.示例.com", 443, True),
    ("示例.com", "www.xn--fsq092h.com", 443, True),
    ("示例.com", "www.示例.example", 443, False),
]


@pytest.mark.parametrize(("no_proxy", "host", "port", "expected"), CASES)
def test_no_proxy_is_read_as_go_reads_it(
    no_proxy: str,
    host: str,
    port: int,
    expected: bool,  # noqa: FBT001
) -> None:
    """Item 10: kubernetes-client/python#1578, #1995; python/cpython#149746."""
    assert bypasses(no_proxy, host, port) is expected


_LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)


@given(st.lists(_LABELS, min_size=1, max_size=4), _LABELS)
def test_a_domain_covers_itself_and_what_is_below(
    labels: list[str], label: str
) -> None:
    domain = ".".join([*labels, "example"])
    assert bypasses(domain, domain, 443)
    assert bypasses(domain, f"{label}.{domain}", 443)
    assert not bypasses(domain, f"x{domain}", 443)
    assert not bypasses(f".{domain}", domain, 443)


@given(st.text(), st.text(), st.integers(0, 65535))
def test_no_text_breaks_the_reading(no_proxy: str, host: str, port: int) -> None:
    assert bypasses(no_proxy, host, port) in {True, False}


def chosen(
    server: str, environ: dict[str, str] | None = None, proxy_url: str = ""
) -> tuple[str, str] | None:
    config = Config(server=server, proxy_url=proxy_url)
    found = choose(config, environ or {}, has_socks=lambda: True)
    return None if found is None else (found.url, found.origin)


def test_a_kubeconfigs_proxy_url_is_used_and_exclusive() -> None:
    """Item 10: kubernetes-client/python#1862; lightkube#96; kube-rs#1270."""
    environ = {"HTTPS_PROXY": "http://env", "NO_PROXY": "*"}
    found = chosen("https://localhost:6443", environ, "http://mine:3128")
    assert found == ("http://mine:3128", "proxy-url")


def test_the_scheme_of_the_server_chooses_the_variable() -> None:
    environ = {"HTTPS_PROXY": "http://s", "HTTP_PROXY": "http://h"}
    assert chosen("https://x", environ) == ("http://s", "HTTPS_PROXY")
    assert chosen("http://x", environ) == ("http://h", "HTTP_PROXY")


def test_lower_case_counts_after_upper_case() -> None:
    assert chosen("https://x", {"https_proxy": "http://low"}) is not None
    both = {"https_proxy": "http://low", "HTTPS_PROXY": "http://up"}
    assert chosen("https://x", both) == ("http://up", "HTTPS_PROXY")
    empty = {"https_proxy": "http://low", "HTTPS_PROXY": ""}
    assert chosen("https://x", empty) == ("http://low", "HTTPS_PROXY")
    assert chosen("https://x", {**both, "no_proxy": "x"}) is None


def test_all_proxy_is_not_read() -> None:
    assert (
        chosen("https://x", {"ALL_PROXY": "http://a", "all_proxy": "http://a"}) is None
    )


def test_a_proxy_without_a_scheme_is_http() -> None:
    assert chosen("https://x", {"HTTPS_PROXY": "p:3128"}) == (
        "http://p:3128",
        "HTTPS_PROXY",
    )


def test_the_default_port_counts_for_no_proxy() -> None:
    environ = {"HTTPS_PROXY": "http://p", "NO_PROXY": "x.example:443"}
    assert chosen("https://x.example", environ) is None
    assert chosen("https://x.example:6443", environ) is not None


def test_http_proxy_is_refused_in_a_cgi_environment() -> None:
    environ = {"HTTP_PROXY": "http://h", "REQUEST_METHOD": "GET"}
    with pytest.raises(ConfigError, match="CGI"):
        chosen("http://x", environ)
    assert chosen("https://x", {**environ, "HTTPS_PROXY": "http://s"}) is not None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://p", 'unsupported scheme "ftp"'),
        ("p:3128", "unsupported scheme"),
        ("http://", "no host"),
        ("http://p:port", "not a URL"),
        ("http://[::1", "not a URL"),
    ],
)
def test_a_bad_proxy_url_is_told(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        chosen("https://x", proxy_url=url)


@pytest.mark.parametrize("scheme", ["http", "HTTP", "https", "socks5", "socks5h"])
def test_four_schemes_are_taken(scheme: str) -> None:
    found = choose(
        Config(server="https://x", proxy_url=f"{scheme}://p:1"),
        {},
        has_socks=lambda: True,
    )
    assert found is not None
    assert found.scheme == scheme.lower()


def test_socks_without_its_package_names_the_extra() -> None:
    """Item 10: encode/httpx answers with an ImportError about its own extra."""
    config = Config(server="https://x", proxy_url="socks5://jane:hunter2@p:1080")
    with pytest.raises(ConfigError, match=r"kubemetrics\[socks\]") as caught:
        choose(config, {}, has_socks=lambda: False)
    assert "hunter2" not in str(caught.value)
    assert choose(config, {}) is not None  # the development tools have it


def test_credentials_of_a_proxy_are_used_and_never_shown() -> None:
    config = Config(server="https://x", proxy_url="http://jane:hunter2@p:3128/")
    found = choose(config, {})
    assert found is not None
    assert found.url == "http://jane:hunter2@p:3128/"
    assert found.address == "http://p:3128/"
    assert "hunter2" not in repr(found)
    with pytest.raises(ConfigError) as caught:
        chosen("https://x", proxy_url="ftp://jane:hunter2@p")
    assert "hunter2" not in str(caught.value)


def _proxy(environ: dict[str, str], proxy_url: str = "") -> Proxy:
    found = choose(Config(server="https://x", proxy_url=proxy_url), environ)
    assert found is not None
    return found


SECRET = "hunter2"
ODD_URLS = [
    f"http://u:{SECRET}@ho st:3128",
    f"http://u:{SECRET}:// @host:3128",
    f"http://u:{SECRET}://x@host:port",
    f"http://u:{SECRET}@host:99999",
    f"http://u:{SECRET}@host:port",
    f"http://u:{SECRET}",
    f"http:u:{SECRET}",
    f"ht\ttp://u:{SECRET}@host",
    f"http://u:{SECRET}\n@host",
    f"http://u:{SECRET}\ud800@host",
    f"http://u%40{SECRET}:1",
    f"http://u:{SECRET}@[host",
    f"http://:{SECRET}@:1",
    f"ftp://u:{SECRET}@host",
    f"://u:{SECRET}@host",
]


@pytest.mark.parametrize("url", ODD_URLS)
def test_an_odd_proxy_is_an_error_without_its_password(url: str) -> None:
    for environ, proxy_url in (({}, url), ({"HTTPS_PROXY": url}, "")):
        if "://" not in url and environ:
            continue  # in a variable it is a host and a port
        with pytest.raises(ConfigError) as caught:
            chosen("https://x", environ, proxy_url)
        assert SECRET not in str(caught.value) + repr(vars(caught.value))
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("around", [" {}", "{} ", "\t{}\n", "{}\r\n"])
def test_blanks_around_a_proxy_are_not_a_part_of_it(around: str) -> None:
    """A variable that was read out of a file has its line break."""
    url = f"http://u:{SECRET}@host:3128"
    padded = around.format(url)
    for found in (
        _proxy({"HTTPS_PROXY": padded}),
        _proxy({"https_proxy": padded}),
        _proxy({}, padded),
    ):
        assert (found.url, found.scheme) == (url, "http")
        assert found.credentials == (b"u", SECRET.encode())
    assert chosen("https://x", {"HTTPS_PROXY": " \t"}) is None


def test_a_password_that_is_no_utf_8_is_sent_as_it_is() -> None:
    found = _proxy({"HTTPS_PROXY": "http://u:p\udcff@host"})
    assert found.credentials == (b"u", b"p\xff")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x?y=1", "https://a.example/x?y=1"),
        ("https://u:p@a.example/x", "https://a.example/x"),
        ("https://u:p@ss@a.example:1/x", "https://a.example:1/x"),
        ("https://u:p/w?x@a.example/x", "https://a.example/x"),
        ("u:p@a.example:3128", "a.example:3128"),
        ("https://u:p@[::1]:6443", "https://[::1]:6443"),
        ("https://u:p://w@a.example/x", "https://a.example/x"),
    ],
)
def test_user_and_password_are_cut_from_a_url(url: str, expected: str) -> None:
    assert without_credentials(url) == expected
