"""How nodes are read; made when the first node is."""

from __future__ import annotations

from typing import Final

from ..models import Node
from ..wire.nodes import NodeListWire, NodeWire
from .pages import Kind

NODES: Final = Kind("NodeList", NodeListWire, Node.from_json)
NODE: Final = Kind("Node", NodeWire, Node.from_json)
