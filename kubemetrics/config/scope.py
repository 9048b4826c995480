"""The namespace and the time limit: what is not the cluster's, nor the user's."""

from __future__ import annotations

from .choice import Choice
from .in_cluster import Surroundings
from .overrides import Overrides
from .stanzas import flag_of
from .timeout import parse_timeout


def find_namespace(
    choice: Choice, overrides: Overrides, around: Surroundings, problems: list[str]
) -> tuple[str, str]:
    """Find the namespace to use when none is named, and what says so.

    The override, else the context's (an explicit ``default`` counts), else the pod's
    own, else ``default``. Source: clientcmd/merged_client_builder.go, ``Namespace``.
    """
    namespace, origin = _namespace(choice, overrides, around)
    if _unfit(namespace):
        problems.append(f"{origin}: {namespace!r} cannot be the name of a namespace")
    return namespace, origin


def find_timeout(overrides: Overrides, problems: list[str]) -> float | None:
    """Read the whole call's time limit, in seconds."""
    given = overrides.get("request_timeout")
    try:
        return _timeout(given or "0")
    except ValueError as error:
        problems.append(f"{flag_of('request-timeout')}: {error}")
        return None


def _timeout(given: str | float) -> float | None:
    if isinstance(given, str):
        return parse_timeout(given)
    if not 0 < given < float("inf"):
        raise ValueError("must be positive and finite, or zero for no limit")
    return float(given)


def _namespace(
    choice: Choice, overrides: Overrides, around: Surroundings
) -> tuple[str, str]:
    if given := overrides.get("namespace"):
        return given, flag_of("namespace")
    if choice.context.namespace:
        return choice.context.namespace, choice.context.origin.at("namespace")
    in_pod = around.namespace if around.in_cluster else None
    return in_pod or ("default", "")


def _unfit(namespace: str) -> bool:
    # What rest.Request refuses as a part of a path (IsValidPathSegmentName).
    return namespace in {".", ".."} or bool({"/", "%"} & set(namespace))
