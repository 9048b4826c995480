from __future__ import annotations

import codecs
import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.config.kubeconfig import MAX_BYTES, parse, plain
from kubemetrics.config.model import DocumentError, Json
from kubemetrics.config.yaml_document import parse_yaml

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", ['{"current-context": "é"}', "current-context: é\r\n"])
def test_json_and_yaml_are_read_in_every_encoding(encoding: str, text: str) -> None:
    data = ENCODINGS[encoding] + text.encode(encoding)
    assert parse(data) == {"current-context": "é"}


@pytest.mark.parametrize(
    "data",
    [b"", b"   \n", b"# nothing yet\n", b"~", b"null", b"---\n", codecs.BOM_UTF8],
)
def test_a_file_with_nothing_in_it_is_an_empty_kubeconfig(data: bytes) -> None:
    assert parse(data) == {}


# What go-yaml v2 makes of plain scalars, checked with kubectl 1.32 and 1.37.
@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z"),
        ("433e40", 433e40),
        ("1_000", 1000),
        ("0o7", 7),
        ("0x1F", 31),
        ("0xffffffffffffffff", 2**64 - 1),
        ("0x10000000000000000", "0x10000000000000000"),
        ("18446744073709551616", 2**64),
        ("08", 8),
        ("-1", -1),
        ("+.5", 0.5),
        ("y", True),
        ("off", False),
        ("~", None),
        ("", None),
        ("'y'", "y"),
        ('"433e40"', "433e40"),
        ("!!str 433e40", "433e40"),
        ("!!int '3'", 3),
        ("!custom 3", "3"),
        ("! 3", "3"),
        ("1.2.3", "1.2.3"),
        (
            "arn:aws:eks:eu-west-1:1234:cluster/c",
            "arn:aws:eks:eu-west-1:1234:cluster/c",
        ),
        ("|\n  two\n  lines", "two\nlines\n"),
    ],
)
def test_plain_scalars_have_the_types_that_kubectl_gives_them(
    scalar: str, value: Json
) -> None:
    assert parse(f"a: {scalar}\n".encode()) == {"a": value}


@pytest.mark.parametrize(
    "text",
    [
        "a: y\nb: 'y'\nc: 1:30\nd: &d {e: 433e40}\nf: {<<: *d, g: 2020-01-01}\n",
        "a: 'hunter2\n",
        "a: !hunter2!x y",
        "a: *hunter2",
        "hunter2: %",
        "- " * 1000,
        "hunter2: @",
        "a: \x01hunter2",
    ],
)
def test_the_parser_in_python_gives_what_the_one_in_c_does(text: str) -> None:
    in_python, in_c = (_outcome(text, parser) for parser in PARSERS)
    assert in_python == in_c
    assert in_python is not True  # an error that quotes the text


PARSERS = (yaml.SafeLoader, yaml.CSafeLoader)


def _outcome(text: str, make_parser: type) -> Json:
    try:
        return parse_yaml(text, make_parser)
    except DocumentError as error:
        return "hunter2" in str(error)


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=9)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | PRINTABLE,
    lambda inner: st.lists(inner) | st.dictionaries(PRINTABLE, inner),
    max_leaves=9,
)


@given(PLAIN)
def test_json_means_the_same_as_yaml(value: Json) -> None:
    assert parse_yaml(json.dumps(value)) == value
    assert parse_yaml(yaml.safe_dump(value, default_style='"')) == value


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert parse(b"1: a\ntrue: b\n2020-01-01: c") == {
        "1": "a",
        "true": "b",
        "2020-01-01": "c",
    }


def test_the_last_of_two_equal_keys_counts() -> None:
    assert parse(b"a: 1\na: 2") == parse(b'{"a": 1, "a": 2}') == {"a": 2}


def test_only_the_first_document_is_read() -> None:
    assert parse(b"a: x\n---\nb: [not closed") == {"a": "x"}


def test_anchors_and_merge_keys_are_resolved() -> None:
    text = b"x: &x {p: u, q: v}\ny: &y {q: w, r: z}\nz: {<<: [*x, *y], r: own}\nl: [*x]"
    read = parse(text)
    assert read["z"] == {"p": "u", "q": "v", "r": "own"}
    assert read["l"] == [{"p": "u", "q": "v"}]
    assert parse(b"'<<': plain") == {"<<": "plain"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: hunter2\nb: 'hunter2\n", "line 3, column 1: found unexpected end"),
        (
            "token: hunter2: hunter2",
            "line 1, column 15: mapping values are not allowed",
        ),
        (
            "a: *hunter2",
            "line 1, column 4: an alias to an anchor that is not defined before it",
        ),
        (
            "a: &hunter2 [*hunter2]",
            "line 1, column 14: an alias to an anchor that is not defined before it",
        ),
        ("? [hunter2]\n: b", "line 1, column 3: a mapping's key"),
        ("<<: hunter2", "line 1, column 1: only mappings can be merged"),
        ("a: .inf", "line 1, column 4: not a number"),
        ("a: !!int hunter2\nb: .nan", "line 2, column 4: not a number"),
        ("hunter2: %", "line 1, column 10: found character that cannot start"),
        ("a: \x01hunter2", "a character that is not allowed at 3"),
        ("hunter2", "must be a mapping at the top"),
        ("[hunter2]", "must be a mapping at the top"),
        ('{"a": "hunter2"', "line 2, column 1: did not find expected , or }"),
        ("- " * 100_000, "nested more than 100 deep"),
        ('{"a":' * 100_000, "nested more than 100 deep"),
    ],
)
def test_what_is_not_a_kubeconfig_is_refused_without_quoting_it(
    text: str, reason: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text.encode())
    assert reason in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a: \xe9", b"\xfe\xff\xd8\x00"])
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="neither UTF-8 nor UTF-16"):
        parse(data)


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(DocumentError, match="larger than 10 MiB"):
        parse(b"#" * (MAX_BYTES + 1))
    assert parse(b"{}".ljust(MAX_BYTES)) == {}


def test_json_may_begin_with_what_yaml_allows_in_no_such_place() -> None:
    assert parse(b'\n\t{"a":\t"b"}\n') == {"a": "b"}


def test_aliases_that_expand_to_too_much_are_refused_at_once() -> None:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    bomb = "\n".join(["a0: &a0 [lol, lol]", *levels])
    # Expanded, it would have 10**29 items: it ends, since it is refused before.
    with pytest.raises(DocumentError, match="aliases expanded"):
        parse(bomb.encode())


def test_a_parsed_kubeconfig_is_taken_if_json_could_have_held_it() -> None:
    assert plain({"users": ({"name": "a"},)}) == {"users": [{"name": "a"}]}
    cycle: dict[str, object] = {}
    cycle["itself"] = cycle
    for value in (cycle, {"a": {1, 2}}):
        with pytest.raises(DocumentError, match="JSON"):
            plain(value)


def test_json_is_read_without_importing_yaml() -> None:
    code = (
        "import sys; from kubemetrics.config.resolve import load_config;"
        f"load_config({json.dumps(KUBECONFIG)});"
        "from kubemetrics.config.kubeconfig import parse; parse(b'{\"a\": 1}');"
        "sys.exit('yaml' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


KUBECONFIG = {
    "current-context": "c",
    "clusters": [{"name": "c", "cluster": {"server": "http://c"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c"}}],
}
