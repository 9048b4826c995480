"""Which namespace may be read by who may not read all of them."""

from __future__ import annotations

from ..api import Api
from ..client.sync import Client
from ..doctor.permissions import POD_METRICS, PODS, access


def readable_namespace(client: Client) -> str:
    """Return the configuration's namespace if its pods may be listed, else nothing.

    The server is asked (SelfSubjectAccessReview); where it will not say, nothing is
    promised.
    """
    namespace = client.config.namespace
    allowed = client.run(access(Api(), namespace))
    return namespace if {PODS, POD_METRICS} & allowed.here else ""
