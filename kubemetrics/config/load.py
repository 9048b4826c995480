"""The three ways to a `Config`.

Where client-go fails in silence, asks at the terminal or takes another identity than
was asked for, these raise or obey instead. That is in short:

* a context whose cluster is not there, or no current-context: client-go takes the
  configuration for empty (kubectl then tries localhost:8080); here an error that says
  which there are. In a pod, no current-context still means in-cluster, unless a *user*
  is asked for.
* a cluster without a server: kubectl tries localhost:8080; here an error.
* a server without a scheme: client-go takes it for http, and drops credentials and CA;
  here an error, if there are any to drop.
* an https server and no credentials: kubectl asks for a username; here an error
  (`build_config_from_flags` goes on anonymously, as client-go does).
* a password in the server's URL: client-go sends it, over http too; here an error.
* ``insecure_skip_tls_verify=False`` and ``disable_compression=False`` overrule the
  file; kubectl's flags cannot.
* *token* goes before the user's tokenFile; for client-go the file wins.
* In a pod every override counts; client-go drops all but server, token and CA.
* A token's surrounding white space is dropped; Go refuses to send it. One with a tab or
  letters beyond ASCII in it is an error; Go sends it.
* A proxy of an unknown scheme in the environment is an error; Go speaks http to it.
* A negative time limit is an error; client-go takes it for none.
* A kubeconfig over 10 MiB, 500,000 values (aliases expanded) or 100 levels is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Unpack

from ..errors import ConfigError
from .files import KubeconfigSource, Loaded, load
from .in_cluster import DIRECTORIES, surroundings
from .model import Config
from .overrides import Overrides
from .resolve import build, pod_choice, resolve
from .validation import choice_problems


def load_config(
    kubeconfig: KubeconfigSource | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    service_account: tuple[str, ...] = DIRECTORIES,
    **overrides: Unpack[Overrides],
) -> Config:
    """Find the configuration as kubectl does.

    *kubeconfig* is a path, or a kubeconfig that is parsed already; without one the
    files of ``$KUBECONFIG`` are merged, or ``~/.kube/config`` is read. If nothing in
    them names a cluster, a pod's own service account is used. Each of *overrides* goes
    before what was found. *environ* and *service_account* (directories) are for tests.

    Raises:
        ConfigError: nothing is there, or something is wrong: all of it, by file and
            key. What is an error here and none for kubectl: see this module's text.
    """
    variables = os.environ if environ is None else environ
    around = surroundings(variables, service_account)
    return resolve(load(kubeconfig, variables), overrides, around, as_kubectl=True)


def build_config_from_flags(
    master_url: str = "",
    kubeconfig_path: str | os.PathLike[str] = "",
    *,
    environ: Mapping[str, str] | None = None,
    service_account: tuple[str, ...] = DIRECTORIES,
) -> Config:
    """Do what client-go's function of that name does.

    With neither argument: the pod's service account, and nothing else. Otherwise that
    one file, and *master_url* in place of its server; ``$KUBECONFIG`` and
    ``~/.kube/config`` are not looked at.

    Raises:
        ConfigError: as for `load_config`.
    """
    variables = os.environ if environ is None else environ
    around = surroundings(variables, service_account)
    given = os.fspath(kubeconfig_path)
    if not given and not master_url:
        return in_cluster_config(environ=variables, service_account=service_account)
    loaded = load(given, variables) if given else Loaded()
    return resolve(loaded, {"server": master_url}, around, as_kubectl=False)


def in_cluster_config(
    *,
    environ: Mapping[str, str] | None = None,
    service_account: tuple[str, ...] = DIRECTORIES,
) -> Config:
    """Use the service account of the pod this runs in.

    Its token is read again from its file, by whoever needs it. Without a CA beside it
    the system's are trusted. *environ* and *service_account* are for tests.

    Raises:
        ConfigError: this is not a pod, or its token cannot be read.
    """
    variables = os.environ if environ is None else environ
    around = surroundings(variables, service_account)
    if not around.in_cluster:
        raise ConfigError(around.why_not_in_cluster)
    choice = pod_choice({}, around)
    problems = list(choice_problems(choice, credentials_needed=True))
    return build(choice, Loaded(), {}, around, "in-cluster", problems)
