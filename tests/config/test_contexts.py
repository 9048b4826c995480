from __future__ import annotations

import pytest

from kubemetrics.config.kubeconfig import ContextEntry, list_contexts
from kubemetrics.errors import ConfigError
from tests.config.kubeconfigs import Home, kubeconfig


def test_contexts_are_listed_by_name_with_the_current_one_marked(home: Home) -> None:
    home.list_files(
        kubeconfig(context={"namespace": "n"}),
        "contexts: [{name: blue, context: {cluster: c}}, {name: red}]",
    )
    assert list_contexts(environ=home.environ) == (
        ContextEntry(name="blue", cluster="c", user="", namespace="", current=False),
        ContextEntry(
            name="red", cluster="red", user="red", namespace="n", current=True
        ),
    )
    current = [
        c.name for c in list_contexts(context="blue", environ=home.environ) if c.current
    ]
    assert current == ["blue"]


def test_contexts_are_listed_whatever_else_is_wrong(home: Home) -> None:
    wrong = kubeconfig(users={}, clusters=[{"name": 3}]) | {"current-context": "gone"}
    wrong["contexts"].append({"name": "odd", "context": {"namespace": 1}})
    wrong["contexts"].append({"name": "odd"})
    path = home.write("config", wrong)
    assert [c.name for c in list_contexts(path, environ={})] == ["odd", "red"]


def test_no_file_is_no_contexts_and_a_broken_one_is_an_error(home: Home) -> None:
    assert list_contexts(environ=home.environ) == ()
    with pytest.raises(ConfigError, match="not valid YAML"):
        list_contexts(home.write("config", "["), environ={})
    with pytest.raises(ConfigError, match="no such kubeconfig"):
        list_contexts("/bogus", environ={})
