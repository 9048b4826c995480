"""Programs that fork while they use a client; the exit code says how much was wrong.

Run with the name of one, a server's URL and a file of its authority.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubemetrics import Client, Config, TransportError, forks
from kubemetrics.auth import Credential
from kubemetrics.config.model import AuthInfo, ExecConfig
from kubemetrics.flow import Request
from kubemetrics.transport import network
from kubemetrics.transport.connections import Connections
from kubemetrics.transport.endpoint import Endpoint

WATCHDOG = 60
CHILDREN = int(os.environ.get("CHILDREN", "50"))


def wrong_answers(client: Client, who: str, count: int) -> int:
    """Ask *count* times for what only this process asks for."""
    paths = [f"/{who}/{number}" for number in range(count)]
    return sum(client.get_raw(path) != path.encode() for path in paths)


def child(work: Callable[[], int]) -> int:
    """Do *work* in a forked child, which never runs longer than the watchdog.

    From 3.12 on Python warns of what is tried here: a fork beside threads.
    """
    warnings.filterwarnings("ignore", "This process .* is multi-threaded")
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(WATCHDOG)
    code = 70
    try:
        code = work()
    finally:
        os._exit(code)


def outcomes(children: list[int]) -> int:
    return sum(os.waitpid(pid, 0)[1] != 0 for pid in children)


def many_children_and_their_parent(config: Config) -> int:
    with Client(config) as client:
        wrong = wrong_answers(client, "before", 1)
        children = []
        for number in range(CHILDREN):
            name = f"child-{number}"
            children.append(child(lambda: wrong_answers(client, name, 2)))  # noqa: B023
            wrong += wrong_answers(client, f"parent-{number}", 2)
        return wrong + outcomes(children)


def a_child_of_half_an_answer(config: Config) -> int:
    """A child cannot read it, and closing it there is not closing the parent's."""
    endpoint = Endpoint(config, environ={})
    request = Request(path=f"/{'x' * 60_000}")
    connections = Connections(endpoint, (None, config.certificate_authority_data))
    answer = connections.open(
        "GET",
        endpoint.url(request),
        endpoint.headers(request, Credential()),
        None,
        network.Call(WATCHDOG),
        None,
    )

    def read_and_close() -> int:
        try:
            answer.read()
        except TransportError as error:
            wrong = error.reason != "reset"
        else:
            wrong = True
        answer.close()
        connections.close()
        return wrong

    wrong = outcomes([child(read_and_close)])
    body = b""
    while chunk := answer.read():
        body += chunk
    answer.close()
    connections.close()
    return wrong + (body != request.path.encode())


def a_child_of_locks_that_are_held(config: Config) -> int:
    """Threads that hold them are not there in the child."""
    kinds = (type(threading.Lock()), type(threading.RLock()))
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        locks: list[Any] = []
        for thing in tuple(forks._inherited):
            locks += [lock for lock in vars(thing).values() if isinstance(lock, kinds)]
        for lock in locks:
            lock.acquire()
        held.set()
        forked.wait(WATCHDOG)
        for lock in locks:
            lock.release()

    with Client(config) as client:
        wrong = wrong_answers(client, "before", 1)
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(WATCHDOG)
        started = child(lambda: wrong_answers(client, "child", 2))
        forked.set()
        thread.join(WATCHDOG)
        return wrong + outcomes([started]) + wrong_answers(client, "parent", 1)


def a_child_while_a_plugin_runs(config: Config) -> int:
    """Its lock is held by a thread that waits for the plugin."""
    folder = Path(os.environ["PLUGIN_FOLDER"])
    plugin = ExecConfig(
        command=str(folder / "plugin"),
        api_version="client.authentication.k8s.io/v1",
        interactive_mode="Never",
    )
    auth = AuthInfo(exec=plugin)
    given = Config(
        server=config.server,
        certificate_authority_data=config.certificate_authority_data,
        auth=auth,
    )
    with Client(given) as client:
        thread = threading.Thread(target=wrong_answers, args=(client, "thread", 1))
        thread.start()
        while not (folder / "begun").exists():
            threading.Event().wait(0.01)
        failed = outcomes([child(lambda: wrong_answers(client, "child", 1))])
        (folder / "go on").touch()
        thread.join(WATCHDOG)
        return failed + wrong_answers(client, "parent", 1)


if __name__ == "__main__":
    name, server, authority = sys.argv[1:]
    signal.alarm(4 * WATCHDOG)
    pem = Path(authority).read_bytes() if server.startswith("https") else None
    sys.exit(
        min(globals()[name](Config(server=server, certificate_authority_data=pem)), 69)
    )
