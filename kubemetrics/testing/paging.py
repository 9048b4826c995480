"""`limit` and `continue`: pages of one consistent list (`pkg/storage/continue.go`)."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

from ..frozen import dataclass
from .apiserver import Refusal, bad_request, encode, expired, refusal, too_large
from .etcd import Entry, EntryTest, Revision, Store

_VERSION: Final = "meta.k8s.io/v1"
_INCONSISTENT: Final = -1
_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter, or use the continue "
    "token in this response to retrieve the remainder of the results. Continuing with "
    "the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may "
    "show up in the list."
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page starts: a revision and a key."""

    revision: int
    start: str

    def token(self) -> str:
        """Return it as a client gets it: opaque, and safe in a URL."""
        text = encode({"v": _VERSION, "rv": self.revision, "start": self.start})
        return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decode_mark(token: str) -> Mark:
    """Read a token.

    Raises:
        Refusal: it is none.
    """
    raw = _from_base64(token)
    try:
        content: dict[str, Any] = json.loads(raw)
        mark = Mark(int(content["rv"]), str(content["start"]))
    except (ValueError, TypeError, KeyError):
        raise bad_request(
            "invalid continue token: continue key is not valid: invalid character "
            f"'{_go_rune(raw[:1])}' looking for beginning of value"
        ) from None
    return mark


def _from_base64(token: str) -> bytes:
    try:
        return base64.b64decode(
            token + "=" * (-len(token) % 4), altchars=b"-_", validate=True
        )
    except ValueError:
        raise bad_request(
            "invalid continue token: continue key is not valid: "
            "illegal base64 data at input byte 0"
        ) from None


def _go_rune(byte: bytes) -> str:
    if byte.isascii():
        return byte.decode()
    return f"\\x{byte[0]:02x}"


def start_of(query: Mapping[str, str], revision: Revision) -> Mark:
    """Decide from the query at which revision, and after which key, to list."""
    token = query.get("continue", "")
    version = query.get("resourceVersion", "")
    if not token:
        return Mark(_listed_revision(query, version, revision), "")
    if version not in ("", "0"):
        raise bad_request(
            "specifying resource version is not allowed when using continue"
        )
    mark = decode_mark(token)
    if mark.revision == _INCONSISTENT:
        return Mark(revision.current, mark.start)
    if mark.revision <= revision.compacted:
        fresh = Mark(_INCONSISTENT, mark.start).token()
        raise expired(_TOO_OLD, fresh)
    return mark


def _listed_revision(query: Mapping[str, str], version: str, revision: Revision) -> int:
    match = query.get("resourceVersionMatch", "")
    if match and not version:
        raise _invalid(
            "resourceVersionMatch is forbidden unless resourceVersion is provided"
        )
    if version in ("", "0"):
        return revision.current
    wanted = _number(version)
    if wanted > revision.current:
        raise too_large(wanted, revision.current)
    exact = match == "Exact" or (not match and limit_of(query) > 0)
    if exact and wanted <= revision.compacted:
        raise expired("The resourceVersion for the provided list is too old.")
    return wanted if exact else revision.current


def _number(version: str) -> int:
    try:
        return int(version)
    except ValueError:
        raise _invalid_version(version) from None


def _invalid_version(version: str) -> Refusal:
    return bad_request(
        f'Invalid value: "{version}": strconv.ParseUint: '
        f'parsing "{version}": invalid syntax'
    )


def _invalid(detail: str) -> Refusal:
    message = (
        'ListOptions.meta.k8s.io "" is invalid: '
        f"resourceVersionMatch: Forbidden: {detail}"
    )
    return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, {})


def limit_of(query: Mapping[str, str]) -> int:
    """Return the page size, 0 for none: a list from the watch cache has no pages."""
    if query.get("resourceVersion") == "0":
        return 0
    try:
        # Below nothing is as good as none: etcd3/store.go looks for more than 0.
        return max(0, int(query.get("limit") or "0"))
    except ValueError:
        raise bad_request(f"invalid limit: {query['limit']}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """The positions of a page's entries in *source*, and its list metadata."""

    source: Sequence[Entry]
    taken: Sequence[int]
    metadata: dict[str, Any]

    @property
    def entries(self) -> list[Entry]:
        """The objects of the page."""
        return [self.source[at] for at in self.taken]


def path(entry: Entry) -> str:
    """Return the key below the resource's prefix, by which etcd orders."""
    if entry.namespace:
        return f"/{entry.namespace}/{entry.name}"
    return f"/{entry.name}"


def bounds_of(entries: Sequence[Entry], namespace: str, mark: Mark) -> range:
    """Return the positions that a page may be taken from."""
    low, high = 0, len(entries)
    if namespace:
        low = bisect_left(entries, f"/{namespace}/", key=path)
        high = bisect_left(entries, f"/{namespace}0", key=path)
    if mark.start:
        low = max(low, bisect_left(entries, mark.start, key=path))
    return range(low, high)


def cut(
    entries: Sequence[Entry],
    bounds: range,
    limit: int,
    revision: int,
    test: EntryTest | None,
) -> StoredPage:
    """Cut one page; *test* is None when everything is selected."""
    found = (at for at in bounds if test is None or test(entries[at]))
    taken = list(islice(found, limit or None))
    following = next(found, None)
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if following is not None:
        start = f"{path(entries[taken[-1]])}\0"
        metadata["continue"] = Mark(revision, start).token()
        if test is None:
            metadata["remainingItemCount"] = bounds.stop - following
    return StoredPage(source=entries, taken=taken, metadata=metadata)


def list_page(
    store: Store, query: Mapping[str, str], namespace: str, test: EntryTest | None
) -> StoredPage:
    """Return the page of *store* that a query asks for.

    Raises:
        Refusal: the query is wrong, or of a moment that is forgotten.
    """
    mark = start_of(query, store.revision)
    entries = store.at(mark.revision)
    bounds = bounds_of(entries, namespace, mark)
    return cut(entries, bounds, limit_of(query), mark.revision, test)
