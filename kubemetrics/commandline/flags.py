"""The flags that every connecting command shares, under kubectl's own names.

Source: cli-runtime/pkg/genericclioptions/config_flags.go.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .parser import Parser


class Flag(NamedTuple):
    """One shared flag; without a *metavar* it is a switch, *many* may be repeated."""

    name: str
    help: str
    metavar: str = ""
    short: str = ""
    dest: str = ""
    many: bool = False


SHARED: Final = (
    Flag("--kubeconfig", "the kubeconfig file to use", "FILE"),
    Flag("--context", "the kubeconfig context", "NAME", dest="contexts", many=True),
    Flag("--cluster", "the kubeconfig cluster", "NAME"),
    Flag("--user", "the kubeconfig user", "NAME"),
    Flag("--namespace", "the namespace", "NAME", "-n", dest="namespaces", many=True),
    Flag("--server", "the address of the API server", "URL", "-s"),
    Flag("--token", "the bearer token", "TOKEN"),
    Flag("--as", "the user to impersonate", "USER", dest="as_user"),
    Flag("--as-group", "a group to impersonate", "GROUP", dest="as_groups", many=True),
    Flag("--as-uid", "the UID to impersonate", "UID"),
    Flag(
        "--as-user-extra", "an extra field to impersonate", "KEY=VALUE",
        dest="as_user_extra", many=True,
    ),
    Flag("--certificate-authority", "the certificates to trust", "FILE"),
    Flag("--client-certificate", "the client certificate", "FILE"),
    Flag("--client-key", "the client certificate's key", "FILE"),
    Flag("--insecure-skip-tls-verify", "do not check the server's certificate"),
    Flag("--tls-server-name", "the name to check the certificate against", "NAME"),
    Flag("--proxy-url", "the proxy to connect through", "URL"),
    Flag("--disable-compression", "ask for answers uncompressed"),
    Flag("--request-timeout", "the time limit of a call, as 5s or 1m30s", "DURATION"),
)  # fmt: skip
"""``-v`` and ``-vv`` come on top of these, in `add_shared`."""

FLAGS: Final = frozenset(name for flag in SHARED for name in (flag.name, flag.short))
VALUED: Final = frozenset(
    name for flag in SHARED if flag.metavar for name in (flag.name, flag.short) if name
)
"""Those that take the next word."""


def add_shared(parser: Parser) -> None:
    """Declare the connection flags and ``-v``, in a group of their own."""
    group = parser.add_argument_group("connection, as with kubectl")
    for flag in SHARED:
        names = [flag.short, flag.name] if flag.short else [flag.name]
        dest = flag.dest or flag.name.removeprefix("--").replace("-", "_")
        if flag.metavar:
            group.add_argument(
                *names,
                dest=dest,
                metavar=flag.metavar,
                action="append" if flag.many else "store",
                help=flag.help,
            )
        else:
            group.add_argument(*names, dest=dest, action="store_true", help=flag.help)
    group.add_argument(
        "-v",
        "--v",
        dest="verbosity",
        action="count",
        default=0,
        help="show requests and timings (-vv: with the time)",
    )
