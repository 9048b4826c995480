"""The command line: kubectl's way of reading it, the shared flags, the connection.

kubectl reads flags with spf13/pflag: no abbreviations; a switch may be given a value
(``--no-headers=false``); any other flag takes the next word whatever it looks like;
``-l=x`` means ``x``; switches may be joined (``-An team-a``); flags and names may be
mixed. Source: pflag's flag.go, ``parseLongArg`` and ``parseSingleShortArg``; the names
of the shared flags: cli-runtime/pkg/genericclioptions/config_flags.go.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from . import console
from .text import quoted

if TYPE_CHECKING:
    from datetime import timedelta

    from .client.sync import Client
    from .config.model import Config


_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_MOST_VERBOSE: Final = 10


SEE_USAGE: Final = "See '{} --help' for usage."
SEE_EXAMPLES: Final = "See '{} -h' for help and examples"


class UsageError(Exception):
    """The command line is wrong; the text says how, without any prefix.

    *see* is the line that follows, with the command in it; *pointer* stands in its
    place where lines can show the mistake.
    """

    def __init__(
        self, message: str, *, see: str = SEE_USAGE, pointer: str = ""
    ) -> None:
        self.see = see
        self.pointer = pointer
        super().__init__(message)


class UnknownFlagError(UsageError):
    """There is no such *flag*."""

    def __init__(self, message: str, flag: str) -> None:
        self.flag = flag
        super().__init__(message)


class HelpWanted(Exception):  # noqa: N818 - it is not an error
    """The help is to be shown: for ``-h`` or ``--help``, or after a *mistake*."""

    def __init__(self, *, mistake: bool = False) -> None:
        self.mistake = mistake
        super().__init__()


class CommandSpec(NamedTuple):
    """A command as its module declares it: its help, its flags, and its function.

    *examples* are command lines, two spaces in. *add_arguments* declares the command's
    own flags and arguments. *run* returns the exit code; a `KubeMetricsError` that it
    raises is shown as one line, with the exit code of its class. Of the ``-v`` given
    the first *own_verbosity* mean something to the command itself. *table* returns the
    `Table` of what it shows, for completion.
    """

    description: str
    examples: str
    add_arguments: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], int]
    own_verbosity: int = 0
    table: Callable[[argparse.Namespace], Any] | None = None


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of one width: asking the terminal for its own took a third of the time."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=80)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Name the value once, as Python does since 3.13: ``-n, --namespace NAME``."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {value}"


class Parser(argparse.ArgumentParser):
    """An argparse parser whose `read` takes words as kubectl does."""

    def __init__(self, prog: str, *, description: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"Examples:\n{examples}",
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument(
            "-h", "--help", action="store_true", help="show this help and exit"
        )

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse *words*.

        Raises:
            UsageError: in pflag's words where pflag would complain.
            HelpWanted: ``-h`` or ``--help`` came before any mistake.
        """
        return self.parse_args(_Words(self._option_string_actions).canonical(words))

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError`, where argparse would print it and exit."""
        # `read` put the names behind "--", which nobody typed.
        raise UsageError(message.replace("arguments: -- ", "arguments: "))

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as argparse has it
        """Raise a `UsageError` for a *value* that is no choice, and name those."""
        if action.choices is None or value in action.choices:
            return
        from difflib import get_close_matches  # noqa: PLC0415 - after a mistake

        names = [str(choice) for choice in action.choices]
        what = "/".join(action.option_strings) or action.dest.upper()
        close = get_close_matches(str(value)[:100], names, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else ""
        shown = quoted(str(value))
        raise UsageError(f"{what} takes {', '.join(names)}, not {shown}{meant}")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:  # noqa: ANN401 - as argparse has it
        """Take ``--`` as the value of a flag: argparse would take it out.

        Source: python/cpython#59317; with pflag ``--context --`` is the context "--".
        """
        if action.option_strings and arg_strings == ["--"]:
            value = self._get_value(action, "--")
            self._check_value(action, value)
            return value
        return super()._get_values(action, arg_strings)

    def format_help(self) -> str:
        """Return the help; its usage line leaves the flags to their list."""
        names = (_usage(action) for action in self.arguments())
        self.usage: str | None = " ".join(["%(prog)s", *names, "[flags]"])
        return super().format_help()

    def options(self) -> tuple[argparse.Action, ...]:
        """Return the declared flags, without those that help does not offer."""
        return tuple(
            action
            for action in self._actions
            if action.option_strings and action.help != argparse.SUPPRESS
        )

    def arguments(self) -> tuple[argparse.Action, ...]:
        """Return the declared positional arguments."""
        return tuple(action for action in self._actions if not action.option_strings)


class _Words:
    """Rewrites a command line so that argparse and pflag mean the same by it."""

    def __init__(self, actions: Mapping[str, argparse.Action]) -> None:
        self._actions = actions
        self._flags: list[str] = []
        self._names: list[str] = []
        self._left: list[str] = []

    def canonical(self, words: Sequence[str]) -> list[str]:
        """Return ``--flag=value`` for each flag, then ``--`` and the names."""
        self._left = list(words)
        while self._left:
            word = self._left.pop(0)
            if word == "--":
                self._names += self._left
                break
            if word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and word != "-":
                self._short(word[1:])
            else:
                self._names.append(word)
        return [*self._flags, "--", *self._names] if self._names else self._flags

    def _long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        if name == "--" or name[2] == "-":
            raise UsageError(f"bad flag syntax: {word}")
        if name == "--help":
            raise HelpWanted
        action = self._actions.get(name)
        if action is None:
            raise UnknownFlagError(f"unknown flag: {name}", name)
        if equals:
            self._set(action, value)
        elif _is_switch(action):
            self._flags.append(name)
        elif self._left:
            self._set(action, self._left.pop(0))
        else:
            raise UsageError(f"flag needs an argument: {name}")

    def _short(self, letters: str) -> None:
        while letters:
            letters = self._one_short(letters)

    def _one_short(self, letters: str) -> str:
        """Take the first of joined shorthands; return what is left of them."""
        letter, rest = letters[0], letters[1:]
        if letter == "h":
            raise HelpWanted
        action = self._actions.get(f"-{letter}")
        if action is None:
            raise UnknownFlagError(
                f"unknown shorthand flag: {letter!r} in -{letters}", f"-{letter}"
            )
        if rest.startswith("=") and len(rest) > 1:
            self._set(action, rest[1:])
        elif _is_switch(action):
            self._flags.append(_long_name(action))
            return rest
        elif rest or self._left:
            self._set(action, rest or self._left.pop(0))
        else:
            raise UsageError(f"flag needs an argument: {letter!r} in -{letters}")
        return ""

    def _set(self, action: argparse.Action, value: str) -> None:
        name = _long_name(action)
        if action.nargs != 0:
            self._flags.append(f"{name}={value}")
        elif isinstance(action.default, int) and not isinstance(action.default, bool):
            self._flags += [name] * _count(action, value)
        elif value in _TRUE:
            self._flags.append(name)
        elif value in _FALSE:
            self._flags = [flag for flag in self._flags if flag != name]
        else:
            raise _invalid(action, value, "strconv.ParseBool")


def _usage(argument: argparse.Action) -> str:
    name = str(argument.metavar or argument.dest).upper()
    if argument.nargs == argparse.OPTIONAL:
        return f"[{name}]"
    return f"[{name} ...]" if argument.nargs == argparse.ZERO_OR_MORE else name


def _is_switch(action: argparse.Action) -> bool:
    return action.nargs in {0, argparse.OPTIONAL}


def _long_name(action: argparse.Action) -> str:
    return next(name for name in action.option_strings if name.startswith("--"))


def _count(action: argparse.Action, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise _invalid(action, value, "strconv.ParseInt")
    return min(int(value[:3]), _MOST_VERBOSE)


def _invalid(action: argparse.Action, value: str, function: str) -> UsageError:
    names = ", ".join(sorted(action.option_strings, key=len))
    shown = quoted(value)[1:-1]
    return UsageError(
        f'invalid argument "{shown}" for "{names}" flag: '
        f'{function}: parsing "{shown}": invalid syntax'
    )


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
"""The flags that take the next word."""


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


def config_of(args: Namespace, *, context: str | None = None) -> Config:
    """Resolve the kubeconfig and the shared flags; *context* replaces ``--context``.

    Raises:
        ConfigError: nothing usable found, or what was found is wrong.
        UsageError: a flag's value is malformed.
    """
    from .config.resolve import load_config  # noqa: PLC0415 - not for --help

    return load_config(
        args.kubeconfig,
        context=context or last(args.contexts),
        cluster=args.cluster,
        user=args.user,
        namespace=last(args.namespaces),
        server=args.server,
        token=args.token,
        as_user=args.as_user,
        as_groups=tuple(args.as_groups or ()),
        as_uid=args.as_uid,
        as_user_extra=_extra(args.as_user_extra or ()),
        certificate_authority=args.certificate_authority,
        client_certificate=args.client_certificate,
        client_key=args.client_key,
        insecure_skip_tls_verify=args.insecure_skip_tls_verify or None,
        tls_server_name=args.tls_server_name,
        proxy_url=args.proxy_url,
        disable_compression=args.disable_compression or None,
        request_timeout=args.request_timeout,
    )


_DIGITS: Final = 18
"""As many as any number of rows or pods has, and fewer than ``int`` refuses."""


def whole_number(
    flag: str,
    text: str,
    *,
    least: int = 0,
    digits: int = _DIGITS,
    what: str = "a number",
) -> int:
    """Read the value of *flag*: a whole number of no more than so many *digits*.

    Raises:
        UsageError: it is none, or too large: the flag takes *what*.
    """
    known = text.lstrip("0") or text[-1:]
    given = text.isascii() and text.isdigit() and len(known) <= digits
    number = int(known) if given else least - 1
    if number < least:
        raise UsageError(f"{flag} takes {what}, not {quoted(text)}")
    return number


def length_of_time(flag: str, text: str) -> timedelta:
    """Read the value of *flag*: a length of time, which is more than none.

    Raises:
        UsageError: it is none.
    """
    from .times import parse_days  # noqa: PLC0415 - not for --help

    try:
        found = parse_days(f"{text}s" if text.isdigit() else text)
    except (ValueError, OverflowError):
        found = None
    if not found or found < found * 0:
        raise UsageError(
            f"{flag} takes a length of time, as 60s, 1h30m or 3d, not {quoted(text)}"
        )
    return found


def client_of(args: Namespace) -> Client:
    """Return a client for the cluster of the flags; use it in a ``with``."""
    from .client.sync import Client  # noqa: PLC0415 - httpx, not for --help

    return Client(config_of(args), on_warning=console.print_warning)


def last(values: Sequence[str] | None) -> str | None:
    """Return the last of a repeated flag's values: with kubectl the last one wins."""
    return values[-1] if values else None


def _extra(pairs: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Group ``KEY=VALUE`` by key, in order."""
    extra: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--as-user-extra takes KEY=VALUE, not {quoted(pair)}")
        extra[key] = (*extra.get(key, ()), value)
    return extra
