from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

from kubemetrics import config


def test_every_public_name_is_there_and_listed_in_order() -> None:
    assert list(config.__all__) == sorted(config.__all__)
    assert set(config._HOME) == set(config.__all__)
    assert dir(config) == config.__all__
    for name in config.__all__:
        assert getattr(config, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = config.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "unneeded"),
    [("Config", "kubemetrics.config.load"), ("load_config", "yaml")],
)
def test_a_name_costs_no_more_than_it_needs(name: str, unneeded: str) -> None:
    code = f"import sys; from kubemetrics.config import {name}; "
    code += f"sys.exit({unneeded!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_python_2033_and_2608_the_package_says_that_it_is_typed() -> None:
    """Item 24: kubernetes_asyncio#261; how well, `pyright --verifytypes` tells."""
    assert files("kubemetrics").joinpath("py.typed").is_file()
