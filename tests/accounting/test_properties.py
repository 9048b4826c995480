"""What must hold of every pod's requests."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.accounting import Demands, demand, pod_limits, pod_requests
from kubemetrics.models import (
    ActuatedResources,
    Condition,
    Quantities,
    Resources,
)
from kubemetrics.models.pod import Container, ContainerKind, Pod
from kubemetrics.quantity import Quantity

pytestmark = pytest.mark.no_cover

NAMES = ("cpu", "memory", "hugepages-2Mi", "nvidia.com/gpu")

amounts = st.builds(Quantity.from_nanos, st.integers(0, 10**13))
lists: st.SearchStrategy[Quantities] = st.dictionaries(
    st.sampled_from(NAMES), amounts, max_size=3
)
resources = st.builds(Resources, lists, lists)
actuated = st.builds(ActuatedResources, st.none() | lists, st.none() | lists)


def containers(*kinds: ContainerKind) -> st.SearchStrategy[tuple[Container, ...]]:
    one = st.builds(
        Container,
        name=st.just("c"),
        kind=st.sampled_from(kinds),
        requests=lists,
        limits=lists,
        status_resources=st.none() | actuated,
        allocated=st.none() | lists,
    )
    return st.lists(one, max_size=4).map(tuple)


infeasible = Condition("PodResizePending", "True", "Infeasible")
pods = st.builds(
    Pod,
    name=st.just("p"),
    phase=st.sampled_from(["Running", "Pending", "Failed"]),
    containers=containers("regular"),
    init_containers=containers("init", "sidecar"),
    overhead=lists,
    resources=st.none() | resources,
    status_resources=st.none() | actuated,
    allocated=st.none() | lists,
    claimed=lists,
    conditions=st.sampled_from([(), (infeasible,)]),
)


@given(pods, st.sampled_from(NAMES), amounts, st.data())
def test_requests_are_monotone_in_every_containers_request(
    pod: Pod, name: str, more: Quantity, data: st.DataObject
) -> None:
    everyone = pod.containers + pod.init_containers
    if not everyone:
        return
    index = data.draw(st.integers(0, len(everyone) - 1))
    chosen = everyone[index]
    raised = replace(
        chosen,
        requests={
            **chosen.requests,
            name: chosen.requests.get(name, Quantity(0)) + more,
        },
    )
    changed = [*everyone[:index], raised, *everyone[index + 1 :]]
    count = len(pod.containers)
    bigger = replace(
        pod,
        containers=tuple(changed[:count]),
        init_containers=tuple(changed[count:]),
    )
    before, after = pod_requests(pod), pod_requests(bigger)
    assert all(after[key] >= value for key, value in before.items())


@given(pods, st.randoms())
def test_the_order_of_regular_containers_does_not_matter(
    pod: Pod, random: Random
) -> None:
    shuffled = list(pod.containers)
    random.shuffle(shuffled)
    other = replace(pod, containers=tuple(shuffled))
    assert pod_requests(pod) == pod_requests(other)
    assert pod_limits(pod) == pod_limits(other)


@given(pods)
def test_sidecars_alone_may_stand_in_any_order(pod: Pod) -> None:
    sidecars = tuple(replace(c, kind="sidecar") for c in pod.init_containers)
    pod = replace(pod, init_containers=sidecars)
    other = replace(pod, init_containers=sidecars[::-1])
    assert pod_requests(pod) == pod_requests(other)


def test_the_order_of_init_containers_matters() -> None:
    sidecar = Container(name="s", kind="sidecar", requests={"cpu": Quantity(1)})
    init = Container(name="i", kind="init", requests={"cpu": Quantity(5)})
    before = Pod(name="p", init_containers=(sidecar, init))
    after = Pod(name="p", init_containers=(init, sidecar))
    assert pod_requests(before)["cpu"] == Quantity(6)
    assert pod_requests(after)["cpu"] == Quantity(5)


@given(st.lists(pods, max_size=5))
def test_shared_accounts_are_those_of_each_pod(many: list[Pod]) -> None:
    shared = Demands()
    assert [shared.of(p) for p in (*many, *many)] == [demand(p) for p in (*many, *many)]


@given(pods)
def test_requests_are_never_below_those_of_what_runs_to_serve(pod: Pod) -> None:
    """Whatever starts before it, a pod holds what its serving containers ask for."""
    plain = replace(pod, resources=None)
    without = replace(
        plain,
        init_containers=tuple(c for c in pod.init_containers if c.kind == "sidecar"),
    )
    whole, serving = pod_requests(plain), pod_requests(without)
    assert all(whole[key] >= value for key, value in serving.items())
