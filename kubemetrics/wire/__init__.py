"""The API's JSON, typed: exactly the fields that are read, in the API's spelling.

The shapes are in the modules of this package, by kind; each is made when its module is
imported, so that a command pays for those that it reads.
"""

from __future__ import annotations

from .decoding import Items, collector_paused, decode

__all__ = ["Items", "collector_paused", "decode"]
