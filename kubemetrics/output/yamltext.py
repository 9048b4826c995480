"""``-o yaml``: the document of ``-o json``, in YAML."""

from __future__ import annotations

from typing import Any, Final

import yaml

_FAST: Final[type[yaml.SafeDumper]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C, ten times as fast, where PyYAML was built with it."""


def yaml_text(document: dict[str, Any]) -> str:
    """Write *document*, without the end of its last line."""
    try:
        return _dumped(document, _FAST)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can carry and libyaml cannot.
        return _dumped(document, yaml.SafeDumper)


def _dumped(document: dict[str, Any], dumper: type[yaml.SafeDumper]) -> str:
    text: str = yaml.dump(document, Dumper=dumper, sort_keys=False)
    return text.rstrip("\n")
