"""Words on a command line mean what they mean to kubectl."""

from __future__ import annotations

import pytest

from kubemetrics.cli import COMMANDS, NamedCommand, build, child, find
from kubemetrics.commandline import HelpWanted, Parser, UsageError

_INVALID = (
    'invalid argument "{}" for "{}" flag: strconv.{}: parsing "{}": invalid syntax'
)


@pytest.fixture
def parser() -> Parser:
    made = Parser("try", description="", examples="")
    made.add_argument("names", nargs="*")
    made.add_argument("-n", "--namespace", default="")
    made.add_argument("-A", "--all", action="store_true")
    made.add_argument("-q", "--quiet", action="store_true")
    made.add_argument("-v", "--v", action="count", default=0)
    made.add_argument("-w", "--watch", nargs="?", const=0, type=int)
    return made


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-n x", {"namespace": "x"}),
        ("-nx", {"namespace": "x"}),
        ("-n=x", {"namespace": "x"}),
        ("-n =", {"namespace": "="}),
        ("-n=", {"namespace": "="}),
        ("--namespace=x", {"namespace": "x"}),
        ("--namespace x", {"namespace": "x"}),
        ("--namespace=", {"namespace": ""}),
        ("--namespace -A", {"namespace": "-A", "all": False}),
        ("--namespace --", {"namespace": "--"}),
        ("--namespace=-- a", {"namespace": "--", "names": ["a"]}),
        ("-n-- -- a -- b", {"namespace": "--", "names": ["a", "--", "b"]}),
        ("--namespace a --namespace b", {"namespace": "b"}),
        ("-A", {"all": True}),
        ("-Aq", {"all": True, "quiet": True}),
        ("-Anx", {"all": True, "namespace": "x"}),
        ("-An x", {"all": True, "namespace": "x"}),
        ("-A=false", {"all": False}),
        ("--all=T", {"all": True}),
        ("--all --all=0", {"all": False}),
        ("--all=0 --all", {"all": True}),
        ("-A -vv", {"all": True, "v": 2}),
        ("-v -v=3", {"v": 4}),
        ("-w", {"watch": 0}),
        ("-w=5", {"watch": 5}),
        ("--watch=5", {"watch": 5}),
        ("-w a", {"watch": 0, "names": ["a"]}),
        ("a -A b", {"names": ["a", "b"], "all": True}),
        ("a -- -A b", {"names": ["a", "-A", "b"], "all": False}),
        ("-", {"names": ["-"]}),
        ("-- --", {"names": ["--"]}),
        ("", {"names": []}),
    ],
)
def test_flags_are_read_as_pflag_reads_them(
    parser: Parser, line: str, expected: dict[str, object]
) -> None:
    read = vars(parser.read(line.split()))
    assert {key: read[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--nope", "unknown flag: --nope"),
        ("--nope=1", "unknown flag: --nope"),
        ("--names", "unknown flag: --names"),
        ("--name x", "unknown flag: --name"),
        ("-x", "unknown shorthand flag: 'x' in -x"),
        ("-Ax", "unknown shorthand flag: 'x' in -x"),
        ("-n", "flag needs an argument: 'n' in -n"),
        ("-An", "flag needs an argument: 'n' in -n"),
        ("--namespace", "flag needs an argument: --namespace"),
        ("--=x", "bad flag syntax: --=x"),
        ("---x", "bad flag syntax: ---x"),
        (
            "--all=maybe",
            _INVALID.format("maybe", "-A, --all", "ParseBool", "maybe"),
        ),
        (
            "-v=x",
            _INVALID.format("x", "-v, --v", "ParseInt", "x"),
        ),
        ("-w=x", "argument -w/--watch: invalid int value: 'x'"),
    ],
)
def test_a_mistake_is_named_in_pflags_words(
    parser: Parser, line: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parser.read(line.split())
    assert str(caught.value) == message


@pytest.mark.parametrize("line", ["-h", "--help", "-Ah", "a --help --nope"])
def test_help_is_given_before_anything_is_found_wrong(
    parser: Parser, line: str
) -> None:
    with pytest.raises(HelpWanted):
        parser.read(line.split())


def test_a_huge_count_is_bounded(parser: Parser) -> None:
    assert parser.read([f"-v={'9' * 5000}"]).v == 10


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("top pods -A", NamedCommand("top pods", ["-A"])),
        ("top po", NamedCommand("top pods", [])),
        ("top -n x no y", NamedCommand("top nodes", ["-n", "x", "y"], "y")),
        ("--context top top pods", NamedCommand("top pods", ["--context", "top"])),
        ("--context=top raw /x", NamedCommand("raw", ["--context=top", "/x"], "/x")),
        ("config contexts", NamedCommand("config contexts", [])),
        ("config", NamedCommand("config", [])),
        ("-v top nope", NamedCommand("top", ["-v", "nope"], "nope")),
        ("nope top", NamedCommand("", ["nope", "top"], "nope")),
        ("-- top", NamedCommand("", ["--", "top"], "--")),
        ("", NamedCommand("", [])),
    ],
)
def test_the_command_is_found_wherever_it_stands(
    line: str, expected: NamedCommand
) -> None:
    assert find(line.split()) == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_that_parse(name: str) -> None:
    module, parser = build(name)
    text = parser.format_help()
    assert module.description in text
    assert COMMANDS[name].summary
    assert all(len(line) <= 88 for line in text.splitlines())
    for line in module.examples.splitlines():
        if line.startswith(f"  kubemetrics {name}") and not {*"|>"} & {*line}:
            words = [word.strip("'") for word in line.split()][1:]
            found = find(words)
            build(found.name)[1].read(found.words)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_alias_hides_a_command(name: str) -> None:
    parent, _, last = name.rpartition(" ")
    for word in (last, *COMMANDS[name].aliases):
        assert child(parent, word) == name


@pytest.mark.parametrize("name", COMMANDS)
def test_two_dashes_are_a_value_behind_any_flag_that_takes_one(name: str) -> None:
    """Or a mistake that names the flag; argparse hands on an empty list."""
    _, parser = build(name)
    needed = ["x" for argument in parser.arguments() if argument.required]
    for action in parser.options():
        if action.nargs != 0:
            flag = action.option_strings[-1]
            found = value_or_refusal(parser, [f"{flag}=--", *needed], action.dest)
            assert found in ("--", ["--"]) or flag in str(found)


def value_or_refusal(parser: Parser, words: list[str], dest: str) -> object:
    try:
        return getattr(parser.read(words), dest)
    except UsageError as error:
        return str(error)
