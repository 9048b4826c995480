from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.config.kubeconfig import Kubeconfig, merge
from kubemetrics.config.model import (
    AuthInfo,
    ClusterStanza,
    ContextStanza,
    UserStanza,
)

NAMES = st.sampled_from(["", "a", "b", "c"])
KUBECONFIGS = st.builds(
    Kubeconfig,
    clusters=st.dictionaries(NAMES, st.builds(ClusterStanza, server=NAMES)),
    users=st.dictionaries(
        NAMES,
        st.builds(UserStanza, auth=st.builds(AuthInfo, token=NAMES, username=NAMES)),
    ),
    contexts=st.dictionaries(NAMES, st.builds(ContextStanza, cluster=NAMES)),
    current_context=NAMES,
    current_origin=st.just(""),
)


@given(KUBECONFIGS, KUBECONFIGS, KUBECONFIGS)
def test_merging_is_associative(a: Kubeconfig, b: Kubeconfig, c: Kubeconfig) -> None:
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([a, b, c])


@given(KUBECONFIGS)
def test_merging_with_itself_or_with_nothing_changes_nothing(a: Kubeconfig) -> None:
    assert merge([a, a]) == merge([a]) == merge([Kubeconfig(), a]) == a


@given(st.lists(KUBECONFIGS, max_size=4))
def test_the_first_to_name_a_thing_wins(files: list[Kubeconfig]) -> None:
    merged = merge(files)
    names = reduce(set.union, (set(file.users) for file in files), set[str]())
    assert set(merged.users) == names
    for name in names:
        first = next(file for file in files if name in file.users)
        assert merged.users[name] is first.users[name]
    current = [file.current_context for file in files if file.current_context]
    assert merged.current_context == (current or [""])[0]
