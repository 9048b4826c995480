"""The topics of ``kubemetrics help``, and the list of columns of ``--columns help``.

What the code knows is taken from it: columns, their headers, units and where they are
shown, reasons in their order, marks. The rest is text, which nothing else loads.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, get_args

from .. import console
from ..commandline import CommandSpec, Parser, UsageError
from ..snapshot.reasons import ReasonCode
from ..table.columns import APART, PARTIAL, STALE, UNKNOWN, Column, Kind, Table
from ..table.render import leaving
from ..views.containers import container_view
from ..views.groups import group_view
from ..views.node_groups import node_group_table
from ..views.nodes import node_view
from ..views.pods import pod_view
from . import COMMANDS, children
from .hints import meant_by_topic
from .recipes import RECIPES, Recipe

Lines: TypeAlias = Iterable[str]

_UNITS: Final[Mapping[Kind, str]] = {
    "cpu": "cores", "memory": "bytes", "percent": "%", "count": "number",
    "age": "age", "text": "text", "money": "price", "core_hours": "hours",
}  # fmt: skip
_SIZES: Final[Mapping[Kind, int]] = {
    "cpu": 7, "memory": 8, "percent": 5, "count": 3, "age": 5, "text": 12, "money": 7,
    "core_hours": 7,
}  # fmt: skip
"""How wide the cells of a kind usually are."""
_NAME_SIZE: Final = 25
_WIDTHS: Final = (80, 120, 160, 200)


class _Sized(NamedTuple):
    """A column as it is fitted into a terminal, with cells of the usual size."""

    keep: int
    size: int
    flexible: bool
    name: bool
    heading: int

    @classmethod
    def of(cls, column: Column[Any]) -> _Sized:
        """Return *column* as wide as its cells usually are."""
        heading = len(column.header)
        usual = _NAME_SIZE if column.name else _SIZES[column.kind]
        text = column.kind == "text"
        return cls(column.keep, max(heading, usual), text, column.name, heading)


def column_help(table: Table[Any]) -> Iterator[str]:
    """List the columns of *table*, as --columns, --sort and --where know them."""
    return _aligned([("KEY", "HEADER", "UNIT", "SHOWN", ""), *_entries(table)])


def _entries(table: Table[Any]) -> Iterator[tuple[str, ...]]:
    shown = _shown(table)
    for column in table.columns:
        yield (
            column.key, column.header, _UNITS[column.kind],
            shown.get(column.key, "full"), column.about,
        )  # fmt: skip
    for prefix, family in table.families.items():
        column = family("NAME")
        yield f"{prefix}NAME", column.header, "", "asked for", column.about


def _shown(table: Table[Any]) -> Mapping[str, str]:
    """Return from which width on a column stands in the default table, about."""
    columns = [column for column in table.columns if column.keep]
    sizes = [_Sized.of(column) for column in columns]
    found: dict[str, str] = {}
    for limit in reversed(_WIDTHS):
        gone = leaving(sizes, limit, stays=max(size.keep for size in sizes))
        stays = [c.key for i, c in enumerate(columns) if i not in gone]
        found |= dict.fromkeys(stays, f"from {limit}")
    return {c.key: found.get(c.key, "full") for c in columns}


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(size) for cell, size in zip(row, sizes, strict=True))
        yield "  ".join(cells).rstrip()


_TABLES: Final[Mapping[str, Callable[[], Table[Any]]]] = {
    "p": lambda: pod_view().table,
    "c": lambda: container_view().table,
    "n": lambda: node_view().table,
    "g": lambda: node_group_table(("zone",)),
    "s": lambda: group_view(("owner",), "workloads").table,
}
_COLUMNS: Final = """\
Every column has a key, for --columns, --sort, --where and --fail-on, and in JSON,
where its dots nest ('mem.usage' is .mem.usage). Headers do as well, in any case, and
singular or plural: MEM%LIM, cpu.request. Other names:
{aliases}.

A table has the columns that fit; --columns names others, or adds and takes away
(--columns +qos,-age). -o wide has what 200 characters hold, -o full has all.
'kubemetrics nodes --columns help' lists those of one view, and from which width of a
terminal on they are shown.

IN are the views: p pods, c containers, n nodes, g groups of nodes (nodes --by,
cluster), s sums of pods (workloads, namespaces, --by). NAME is any label, or any
resource: label:app, requests:nvidia.com/gpu.
"""


def _columns() -> Lines:
    views: dict[tuple[str, ...], str] = {}
    aliases: dict[str, list[str]] = {}
    keys = {column.key for make in _TABLES.values() for column in make().columns}
    for letter, make in _TABLES.items():
        table = make()
        for alias, key in table.aliases.items():
            # A key of other views, which means something else there, confuses here.
            if alias not in keys and alias not in aliases.setdefault(key, []):
                aliases[key].append(alias)
        for key, header, unit, _, about in _entries(table):
            entry = key, header, unit, about
            views[entry] = views.get(entry, "") + letter
    short = "; ".join(
        f"{', '.join(words)} for {key}" for key, words in aliases.items() if words
    )
    yield from _COLUMNS.format(aliases="\n".join(_wrapped(short, 86))).splitlines()
    yield ""
    rows = [(*entry[:3], letters, entry[3]) for entry, letters in views.items()]
    yield from _aligned([("KEY", "HEADER", "UNIT", "IN", ""), *rows])


WHERE_EXAMPLES: Final = (
    ("pods", "mem.pct_limit > 90", "memory above 90 % of the limit"),
    ("pods", "cpu > 500m and namespace != kube-system", "busy, but the system's"),
    ("pods", "name =~ 'kafka-*' or label:app == kafka", "by name or label"),
    ("pods", "mem.limits == none", "without a memory limit"),
    ("pods", "mem.usage > mem.requests", "more than requested: two columns"),
    ("pods", "mem.requests - mem.usage > 1Gi", "more than 1Gi requested in vain"),
    ("pods", "cpu.usage / cpu.requests >= 150%", "a share of two columns"),
    ("pods", "last.reason == OOMKilled and last.age < 1h", "killed for memory lately"),
    ("pods", "restarts > 5 and age < 2h", "restarting, and young"),
    ("pods", "not (status == Running or status == Completed)", "what is in trouble"),
    ("pods", "reason == NodeSilent", "without a value for this reason"),
    ("containers", "type == sidecar and cpu.unrequested > 0", "no CPU request"),
    ("nodes", "mem.pct_node >= 80 or status != Ready", "full, or not ready"),
    ("workloads", "owner.kind == Deployment and count < 2", "a single replica"),
)
"""A view, an expression for it, and what it asks."""
_WHERE: Final = f"""\
--where keeps the rows for which an expression holds. --fail-on makes the exit code 10
if a row that is left matches one, names those rows on stderr, and shows them alone
(--all: the others too). Where pods are summed, --where on a column that pods alone
have chooses the pods, and --having the sums.

A comparison is a column, an operator, and a value or another column of the same unit:

  == !=      equal, not equal; '=' is '=='; '== none': it has no value
  < <= > >=  less, more; ages and amounts too
  =~ !~      a glob matches the whole text, or does not: 'api-*', '*-[0-9]'; it is no
             regular expression
  + - * /    columns of one unit, with blanks around: 'mem.requests - mem.usage > 1Gi'

Comparisons combine with 'and' (&&), 'or' (||), 'not' and parentheses.

Values are as in a manifest: 250m or 1.5 of CPU, 512Mi or 1.5Gi of memory, 90 per cent,
ages as 90s, 1h30m or 2d, and text, in quotes if it has blanks: "no such". Quote the
whole for the shell. What is not known ({UNKNOWN}) matches nothing, also not '!=':
'== none' and '!= none' ask for it. Case counts in values, not in names of columns.
Amounts are compared exactly, not as they are rounded in a table.
"""


def _where() -> Lines:
    yield from _WHERE.splitlines()
    yield ""
    rows = [
        (f"  kubemetrics {view} --where {_quoted(text)}", meaning)
        for view, text, meaning in WHERE_EXAMPLES
    ]
    yield from (line for row in rows for line in (f"  # {row[1]}", row[0]))


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


_MARKS: Final = f"""\
{UNKNOWN}      not known; REASON says why. It is never a zero
none   known to be not set: no limit, no request
{PARTIAL}      a lower bound: something in it was not measured or could not be read;
       before a limit: not every container has one
{STALE}      an old sample: the metrics API has had no newer one for a while
{APART}      a percentage of other amounts than the two beside it. These are what the
       scheduler counts: init containers that have ended, overhead. The percentage is
       of the containers that run, were measured and have the amount (in JSON and
       with -o full: compared)
<1%    above zero, and less than one; as <1Mi
Δ      with --watch: the change since the sample before

CPU is rounded up and memory down, as kubectl top rounds them; percentages are cut
off. 1000m is one core; Mi and Gi are 2^20 and 2^30 bytes. Sums add up the exact values
and are rounded once. Machine outputs have nanocores and bytes, exact, and no marks:
'quality' tells what a mark tells, and a value that is not known is null.

Colours: --thresholds 70,90 are the per cent from which a share is yellow, and red.
"""


def _marks() -> Lines:
    return _MARKS.splitlines()


REASONS: Final[Mapping[ReasonCode, str]] = {
    "ApiAbsent": "the cluster has no metrics API (metrics.k8s.io): nothing is installed"
    " that measures; kubemetrics doctor says what to install",
    "ApiDown": "the metrics API is registered, and what serves it does not answer",
    "Forbidden": "you may not read the metrics; kubemetrics doctor -o manifest prints a"
    " role that may",
    "ReadFailed": "the metrics could not be read: the error is in EXPLANATION",
    "NotRecorded": "of the past: nobody recorded then",
    "Finished": "it ran to its end, and uses nothing",
    "NotScheduled": "no node has been found for it yet",
    "NotStarted": "it has a node, and its phase is Pending: images, volumes, init",
    "Terminating": "it is being deleted",
    "Warming": "nodes are Ready, and there is a sample of nothing yet: the provider has"
    " just started",
    "NodeSilent": "the metrics API has no sample of its node, and has others: ask that"
    " node's kubelet",
    "ContainerNotRunning": "a container waits or has ended, and providers leave out a"
    " pod of which one does not run",
    "Restarted": "a container restarted moments ago; a provider may need two scrapes"
    " until it has a rate",
    "TooYoung": "it started moments ago; the same holds",
    "Implausible": "a value was given that cannot be: below zero, or above twice what"
    " the node has; it is not shown and enters no sum",
    "Unreported": "pod and node look well, and the metrics API has no sample of it, or"
    " one without CPU or memory; it does not say why, so neither does kubemetrics",
}
"""What a reason means; their order is that of the code."""
_REASONS: Final = """\
Where there is no value, REASON is the first of these that applies. Each is what the
API showed; a cause that it did not show is not guessed. EXPLANATION (-o full) has the
sentence with the facts, and so has -o json.
"""


def _reasons() -> Lines:
    yield from _REASONS.splitlines()
    yield ""
    codes: tuple[ReasonCode, ...] = get_args(ReasonCode)
    indent = max(map(len, codes)) + 2
    for code in codes:
        first, *more = _wrapped(REASONS[code], 88 - indent)
        yield f"{code:{indent}}{first}"
        yield from (f"{'':{indent}}{line}" for line in more)


def _wrapped(text: str, size: int) -> list[str]:
    from textwrap import wrap  # noqa: PLC0415 - for one topic

    return wrap(text, size)


_RECIPES: Final = """\
'kubemetrics help recipes NAME' prints one alone, as for 'kubectl apply -f -'.
"""


def _recipes() -> Lines:
    yield from _RECIPES.splitlines()
    for name, recipe in RECIPES.items():
        yield from ("", f"{name}: {recipe.does}", "")
        yield from (f"  {line}".rstrip() for line in recipe.text.splitlines())


def _recipe(recipe: Recipe) -> Lines:
    return (f"# {recipe.does}", *recipe.text.splitlines())


_CONNECTING: Final = """\
Which cluster, in this order, as with kubectl: --kubeconfig, $KUBECONFIG (a list is
merged, the first file wins), ~/.kube/config, else the service account of the pod.
Every key can be replaced by a flag with kubectl's name: --context, --server, --token,
… (see any command's --help). 'kubemetrics config' shows what was resolved, and from
which file and key; 'kubemetrics doctor' tries it, step by step.

Credentials: tokens, token files, basic, client certificates, exec plugins (v1 and
v1beta1), OIDC, impersonation. They are renewed before they expire, and once after a
401. The clouds' own tools write kubeconfigs that work here:

  gcloud container clusters get-credentials NAME --region REGION
  aws eks update-kubeconfig --name NAME
  az aks get-credentials --name NAME --resource-group GROUP
  kubelogin convert-kubeconfig -l azurecli

In a pod nothing needs to be set: the service account's token is read again as it
rotates. 'kubemetrics help recipes rbac' is the role it needs; 'kubemetrics doctor
-o manifest' prints the one that your user lacks.

Proxies: proxy-url of the kubeconfig or --proxy-url, else HTTPS_PROXY, HTTP_PROXY and
NO_PROXY (host names, IPs, CIDR). SOCKS5 needs the extra 'socks'. A server behind a
path (https://rancher.example.com/k8s/clusters/c-abc12) keeps it before every request.

Environment:
  KUBEMETRICS_EXEC_TIMEOUT  seconds that an exec plugin may take (60; at a terminal
                            300; 0 for no limit)
  KUBEMETRICS_OIDC_PERSIST  'false': refresh no OIDC token and write none back; else
                            a rotated refresh token goes into the file it came from
  KUBEMETRICS_MAX_MEMORY    memory that the answers of one call may take (128Mi;
                            clusters of some 20,000 pods want more)
  NO_COLOR                  no colours

Where this differs from kubectl:
* No current-context, or a context whose cluster is not there: an error that lists what
  there is. kubectl tries localhost:8080. In a pod without a current-context both take
  the pod's; a context that names a user and no cluster is an error here.
* https without any credentials, http with some in a 'server:' without a scheme, a
  password in the server's URL: errors. kubectl asks, drops and sends them.
* --token goes before a tokenFile, and inside a pod every flag counts.
* A request that got a 401 is sent once more with a new credential, if it only reads.
* A redirect is followed to the same scheme, host and port only: the token goes to no
  other.
* An encrypted client key is an error, never a prompt. White space around a token is
  dropped. A proxy of an unknown scheme in the environment is an error.
* kuberc (aliases, defaults) is not read. gcp, azure and v1alpha1, which kubectl has
  removed as well, are errors that name the successor.
* Python's TLS is OpenSSL. Of a server's certificates it refuses wide wildcards
  (*.example), one whose key usage is dataEncipherment or keyCertSign alone, one for any
  purpose (anyExtendedKeyUsage) alone, 127.0.0.1 written as ::ffff:127.0.0.1, and one
  above 100 KB; of a client's one that is signed with SHA-1 or MD5. HTTP/2 alone is not
  spoken. It takes the key exchanges X448 and ffdhe, which Python before 3.15 cannot
  forbid, and of a system's bundle some blocks that Go passes over.
"""


def _connecting() -> Lines:
    return _CONNECTING.splitlines()


_OUTPUT: Final = """\
-o table       what fits the terminal (the default); wide: 200 characters; full: all
-o json, yaml  one document: items, and under metadata what was read where, with its
               date, coverage and failures; the schema is kubemetrics/table/schema.json.
               The json of all pods, containers or nodes has the API's objects behind
               them, which --from FILE reads back; ndjson, or --columns, has rows alone
-o ndjson      a line for each item
-o csv, tsv    a header with units (cpu_usage_nanocores) and a line for each item; a
               text that a spreadsheet would run as a formula (= + - @, a tab) has a '
               before it
-o md          a Markdown table, for issues and chats
-o custom-columns=HEADER:.path,...
               as kubectl's, over the items of -o json: NAME:.name,MEM:.mem.usage
-o prometheus  text for node_exporter's textfile collector; not known: no series
-o name        pod/NAME, for xargs and kubectl

In these, CPU is in nanocores and memory in bytes, as integers; a percentage is a
number of per cent; an age is in seconds; what is not known is null, never 0, and an
empty cell in csv. Times are RFC 3339. Keys are those of 'kubemetrics help columns'.

--watch shows each new sample when it is due; where stdout is no terminal, they are
appended. --watch=30 reads every 30 seconds. On a terminal ? shows the keys.

Exit codes:
  0    ok
  1    the request failed or was refused, or there was no answer
  2    wrong usage or configuration
  3    metrics API absent or down; the views of pods print their rows first
  4    partial data, with --strict
  10   --fail-on matched
  130  interrupted

'top' has kubectl's, 0 and 1. Where the output cannot be written (a full disk, a closed
stdout), 0 becomes 1. A closed pipe (| head) and a broken stderr change no exit code.
"""


def _output() -> Lines:
    return _OUTPUT.splitlines()


_FAMILIES: Final = """\
What 'kubemetrics serve' answers at /metrics. CPU is a counter: the sum of what every
window of the samples used, so that a scrape a minute loses nothing:

  rate(kubemetrics_container_cpu_usage_seconds_total[5m])          cores in use
  increase(kubemetrics_container_cpu_usage_seconds_total[1h])
    / increase(kubemetrics_container_cpu_observed_seconds_total[1h])
                                                                   the mean of what
                                                                   was measured
  kubemetrics_container_memory_working_set_bytes
    / on(namespace,pod,container)
      kubemetrics_container_resource_limits{{resource="memory"}}     share of the limit
  kubemetrics_pod_unmeasured{{reason!="Finished"}}                   who lacks a value
  kubemetrics_up == 0                                              why: /readyz

A counter begins at 0 with its container, pod or node, and with this process. A value
that is not given again stays two cadences (half a minute), a pod that is deleted goes
at once. Series carry no times, so that Prometheus marks what is gone as stale.
Two processes side by side do no harm: choose one by its instance.

With --level pod, workload or namespace usage, requests and limits are of these, and
kubemetrics_workload_... and kubemetrics_namespace_... go on when one of their pods
goes; with --level node there are nodes alone. The families:

{families}

Scrape it with honor_labels: true. A target in a cluster has labels namespace, pod and
container of its own, and Prometheus renames those of the series otherwise.

With --names kubelet those that the kubelet and kube-state-metrics have are called as
there, and more of pods is told (--label makes kube_pod_labels). Dashboards and krr then
work over metrics-server alone. Their queries name the scrape job, and some a label:
job_name: kubelet, labels: {{metrics_path: /metrics/cadvisor}}. Where the kubelet is
scraped as well, sums would double. Nobody but the kubelet knows what was throttled, the
network, disks, and memory beside the working set: those panels stay empty.

{kubelet}
"""


def _families() -> Lines:
    from ..serve.families import known  # noqa: PLC0415 - for one topic

    ours, theirs = known("kubemetrics"), known("kubelet")
    text = _FAMILIES.format(
        families="\n".join(_described(ours)),
        kubelet="\n".join(sorted(name for name in theirs if name not in ours)),
    )
    return text.splitlines()


def _described(families: Mapping[str, str]) -> Iterator[str]:
    for name, about in families.items():
        yield name
        yield f"    {about}"


LIBRARY_SCRIPTS: Final = (
    """\
from kubemetrics import Client

with Client() as client:
    for sample in client.list_pod_metrics():
        if sample.cpu and sample.memory:
            print(sample.name, f"{sample.cpu:m} {sample.memory:Mi}")
""",
    """\
from kubemetrics import Client, rollup

with Client() as client:
    snapshot = client.snapshot()
for row in snapshot.pods:
    used = row.ratio("memory", "limits")
    if used is not None and used > 0.9:
        print(row.namespace, row.name, f"{used:.0%}")
    elif row.reason:
        print(row.name, row.reason.code, row.reason.explanation)
for group in rollup(snapshot.pods, ["namespace", "owner"]):
    print(*group.key, group.memory, group.memory_request)
print(snapshot.coverage.sentence)
""",
    """\
from kubemetrics import Client, KubeMetricsError, list_contexts, load_config

for entry in list_contexts():
    try:
        with Client(load_config(context=entry.name)) as client:
            print(entry.name, len(client.list_pods(timeout=10)))
    except KubeMetricsError as error:
        print(entry.name, error)
""",
)
_LIBRARY: Final = """\
{scripts}
Client and AsyncClient (with 'await', on asyncio or trio) have the same methods:
{methods}.
A list of all namespaces is one call; list_pods("team-a") is of one. Lists come in pages
of 1,000, as of one moment. iter_objects("/apis/apps/v1/deployments") yields the objects
of any list as JSON. 'timeout=' bounds a whole call: every page, retry and wait; without
one load_config(request_timeout="30s") does, and Client(read_timeout=65) each silence. A
client may be shared between threads, tasks or event loops, and survives forks; close()
from another thread ends the calls in progress.

'with client.watch_pods() as events' gives WatchEvents: type is ADDED, MODIFIED or
DELETED, object the Pod; it goes on whatever breaks, until the block is left.
kubemetrics.testing has a FakeCluster to test scripts with, and the README how.

A row of a snapshot (snapshot.pods, snapshot.nodes, container_rows(snapshot.pods), the
groups of rollup and node_rollup) has cpu, memory, cpu_request, cpu_limit,
memory_request, memory_limit (None: not known), ratio("memory", "limits"), and a reason
with its code and explanation where a value is missing; pod, node and metrics are the
API's objects. row.to_dict(), snapshot.records("pods") and snapshot.to_dict() are what
-o ndjson and -o json print, but for the context; pandas.DataFrame(
snapshot.records(flat=True)) has a column for each of --columns.

'with open_history("prod.db") as history' reads what kubemetrics record keeps, also
while it does. history.traces(namespace="x", since=T, until=T, keep=lambda trace: ...)
are its series; each has its samples: at (Unix seconds), covered (ms), cpu (nanocores)
and memory (bytes). history.figures([trace]) is what one comes to, figures(traces) what
their sum does: core_seconds, coverage, restarts, oom_kills, and of cpu and memory
average, p50, p95, p99, most and integral, all exact. history.gaps() says when and why
there was nothing, history.silences() of which pods. T is a datetime.

A Quantity is exact, an integer of nano-units: f"{{q:Mi}}", f"{{q:.1Gi}}" and f"{{q:m}}"
are rounded as kubectl top rounds, f"{{q:.2f}}" is plain units to nearest, f"{{q:auto}}"
for people; q > "1Gi", q + "100m", q * 2, q / 2; q / limit is an exact fraction that
formats. value and milli_value round up, int(q) and float(q) are exact or refuse,
as_decimal() is exact, str(q) is Kubernetes' canonical form.
kubemetrics.accounting.pod_requests(pod) and pod_limits(pod) are what the scheduler
counts.

Every error is a KubeMetricsError of one line for people:
{errors}
MetricsUnavailable.cause is 'absent' or 'down'. No secret is in any of them.
"""


def _library() -> Lines:
    from .. import errors  # noqa: PLC0415 - for one topic

    classes = _tree(errors.KubeMetricsError, "  ")
    methods = ", ".join(_methods())
    text = _LIBRARY.format(
        scripts="\n".join(LIBRARY_SCRIPTS),
        methods="\n".join(_wrapped(methods, 86)),
        errors="\n".join(classes),
    )
    return text.splitlines()


def _methods() -> Iterator[str]:
    """Return the names of what a client asks the server for."""
    from ..client.sync import Client  # noqa: PLC0415 - httpx, for one topic

    kinds = ("list_", "get_", "iter_", "watch_", "snapshot")
    return (name for name in vars(Client) if name.startswith(kinds))


def _tree(error: type, indent: str) -> Iterator[str]:
    """Return the public classes below *error*, further in the further below."""
    from .. import __all__ as public  # noqa: PLC0415 - for one topic

    for below in error.__subclasses__():
        if below.__name__ in public:
            yield f"{indent}{below.__name__}"
            yield from _tree(below, f"{indent}  ")


class Topic(NamedTuple):
    """A topic: what it is *about*, in a few words, and its text."""

    about: str
    lines: Callable[[], Lines]


TOPICS: Final[Mapping[str, Topic]] = {
    "columns": Topic("every column, with its key, header and unit", _columns),
    "where": Topic("the expressions of --where and --fail-on", _where),
    "marks": Topic("what -, ~, ! and * mean", _marks),
    "reasons": Topic("why there is no value", _reasons),
    "output": Topic("formats, their units, exit codes", _output),
    "families": Topic("what 'serve' answers: counters, gauges, labels", _families),
    "recipes": Topic("questions and their commands, RBAC, CronJob, …", _recipes),
    "library": Topic("Python: rows, amounts, errors, with scripts", _library),
    "connecting": Topic(
        "the cluster and the credentials, beside kubectl's", _connecting
    ),
}


_DESCRIPTION: Final = "\n".join(
    (
        "Print the help of a topic, or of a command. The topics:",
        "",
        *(f"  {name:12}{topic.about}" for name, topic in TOPICS.items()),
    )
)
_EXAMPLES: Final = """\
  kubemetrics help where
  kubemetrics help pods
  kubemetrics help recipes cronjob > cronjob.yaml"""


def _add_arguments(parser: Parser) -> None:
    """Declare the argument: the topic, and the name of a recipe behind it."""
    parser.add_argument(
        "words", nargs="+", metavar="TOPIC",
        help="a topic or a command; behind 'recipes' the name of one",
    )  # fmt: skip


def _run(args: Namespace) -> int:
    """Print what is asked for: a topic or one recipe."""
    return console.write_stdout(f"{line}\n" for line in _asked(*args.words))


def _asked(topic: str, name: str = "", *more: str) -> Lines:
    if topic not in TOPICS:
        raise UsageError(
            f'no topic or command "{topic}"{meant_by_topic(topic, TOPICS)}'
        )
    if not name:
        return TOPICS[topic].lines()
    if topic != "recipes" or more:
        raise UsageError(f"unrecognized arguments: {' '.join([name, *more])}")
    if name not in RECIPES:
        raise UsageError(f'no recipe "{name}"; there are {", ".join(RECIPES)}')
    return _recipe(RECIPES[name])


def words_after(words: list[str]) -> list[tuple[str, str]]:
    """Return what may follow ``help`` and *words*, with its description."""
    if words == ["recipes"]:
        return [(name, recipe.does) for name, recipe in RECIPES.items()]
    if words:
        return []
    topics = [(name, topic.about) for name, topic in TOPICS.items()]
    return [*topics, *((name, COMMANDS[name].summary) for name in children(""))]


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
