"""``-o yaml``: the document of ``-o json``, in YAML."""

from __future__ import annotations

from typing import Any, Final

import yaml

_DUMPER: Final[type[yaml.SafeDumper]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C, ten times as fast, where PyYAML was built with it."""


def yaml_text(document: dict[str, Any]) -> str:
    """Write *document*, without the end of its last line."""
    text: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False)
    return text.rstrip("\n")
