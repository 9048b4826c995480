"""The history of a store tells of every moment and of every change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.testing.etcd import Entry, Key, Revision, Store

NAMES = ("a", "b", "c", "d")
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=30)


def change(store: Store, name: str, *, delete: bool) -> None:
    """Delete what exists when told so; create or replace otherwise."""
    if delete and store.get("ns", name):
        store.delete("ns", name)
    else:
        store.apply({"metadata": {"name": name, "namespace": "ns"}})


def played(start: dict[Key, Entry], store: Store, since: int) -> dict[Key, Entry]:
    picture = dict(start)
    for event in store.changes_after(since) or ():
        if event.after is not None:
            picture[event.after.key] = event.after
        elif event.before is not None:
            del picture[event.before.key]
    return picture


@given(CHANGES)
def test_any_moment_and_the_changes_since_give_the_present(
    changes: list[tuple[str, bool]],
) -> None:
    store = Store(Revision(100))
    moments = {100: dict[Key, Entry]()}
    for name, delete in changes:
        change(store, name, delete=delete)
        state = {entry.key: entry for entry in store.current()}
        moments[store.revision.current] = state
    for revision, state in moments.items():
        assert {entry.key: entry for entry in store.at(revision)} == state
        assert played(state, store, revision) == moments[store.revision.current]


@given(CHANGES)
def test_revisions_only_rise_and_are_in_the_object(
    changes: list[tuple[str, bool]],
) -> None:
    store = Store(Revision(100))
    for name, delete in changes:
        before = store.revision.current
        change(store, name, delete=delete)
        assert store.revision.current == before + 1
    for entry in store.current():
        assert entry.load()["metadata"]["resourceVersion"] == str(entry.revision)
