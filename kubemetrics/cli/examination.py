"""What ``doctor`` does: gather what is known, connect, and let it look."""

from __future__ import annotations

import time
from argparse import Namespace

from ..api import Api
from ..client.sync import Client
from ..config import Config
from ..doctor import Diagnosis, Setup, diagnose, misconfigured
from ..errors import KubeMetricsError
from . import console
from .common import config_of
from .config import facts_of
from .credentials import credentials_of


def examine(args: Namespace) -> Diagnosis:
    """Return the diagnosis; an error of the configuration is a finding too.

    Raises:
        UsageError: a flag is wrong.
    """
    try:
        config = config_of(args)
        with Client(config, on_warning=console.warn) as client:
            return client.run(diagnose(Api(), _setup(config)))
    except KubeMetricsError as error:
        return Diagnosis((misconfigured(error),))


def _setup(config: Config) -> Setup:
    found = credentials_of(config)
    ends = [fact.expires_at for fact in found if fact.expires_at is not None]
    facts = (f for f in facts_of(config) if f.value)
    return Setup(
        config=config,
        clock=time.time,
        explanation=[
            f"{f.name}: {f.value}{f' ({f.origin})' if f.origin else ''}" for f in facts
        ],
        credential=" and ".join(fact.kind for fact in found) or "none",
        expires_at=min(ends, default=None),
    )
