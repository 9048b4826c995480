"""How pods are read; made when the first pod is."""

from __future__ import annotations

from typing import Final

from ..models import Pod
from ..wire.pods import PodListWire, PodWire
from .pages import Kind

PODS: Final = Kind("PodList", PodListWire, Pod.from_json)
POD: Final = Kind("Pod", PodWire, Pod.from_json)
