"""Say each OOM kill as it happens."""

from __future__ import annotations

import sys

from kubemetrics import Client, Pod


def killed(pod: Pod) -> list[str]:
    return [
        container.name
        for container in pod.containers
        if container.last_termination
        and container.last_termination.reason == "OOMKilled"
    ]


with Client() as client, client.watch_pods() as events:
    for event in events:
        for name in killed(event.object):
            print(f"{event.object.namespace}/{event.object.name}: {name} out of memory")
            sys.exit()
