"""The recipes of ``kubemetrics help recipes``: commands, manifests, a Containerfile.

Each is whole: ``kubemetrics help recipes NAME`` prints it alone, for a shell, a file or
``kubectl apply -f -``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Language: TypeAlias = Literal["shell", "yaml", "containerfile"]


class Recipe(NamedTuple):
    """A recipe: *does* says in a line what for, *text* is in its *language*."""

    does: str
    language: Language
    text: str


RECIPES: Final = {
    "near-limit": Recipe(
        "Which pods use 90 % of their memory limit or more?",
        "shell",
        "kubemetrics pods -A --where 'mem.pct_limit >= 90' --sort -mem.pct_limit",
    ),
    "no-requests": Recipe(
        "Which containers request no CPU or no memory? Which have no memory limit?",
        "shell",
        """\
kubemetrics containers -A --where 'cpu.unrequested > 0 or mem.unrequested > 0'
kubemetrics containers -A --where 'mem.limits == none'""",
    ),
    "oom": Recipe(
        "Which pods had a container killed for memory within the last day?",
        "shell",
        "kubemetrics pods -A --where 'last.reason == OOMKilled and last.age < 1d'",
    ),
    "gap": Recipe(
        "Who requests much more than is used, and who less?",
        "shell",
        """\
kubemetrics workloads -A --unused
kubemetrics pods -A --where 'mem.requests - mem.usage > 1Gi'
kubemetrics workloads -A --where 'mem.usage > mem.requests' --sort -mem.usage""",
    ),
    "totals": Recipe(
        "How much is used and requested: by namespace, by node, by team, in all?",
        "shell",
        """\
kubemetrics namespaces --sort -mem.usage --sum
kubemetrics cluster
kubemetrics nodes --by zone
kubemetrics pods -A --by label:team --sum
kubemetrics pods -A --by node,qos -o csv > usage.csv""",
    ),
    "inside": Recipe(
        "What runs on each node, and in each workload, down to the containers?",
        "shell",
        """\
kubemetrics nodes --tree
kubemetrics workloads -n team-b --tree
kubemetrics nodes worker-003""",
    ),
    "cost": Recipe(
        "What does it cost, at what a core-hour and a GiB-hour cost you?",
        "shell",
        """\
kubemetrics namespaces --price cpu=0.03,memory=0.004 --sort -cost.hour --sum
kubemetrics workloads -A --price cpu=0.03,memory=0.004 --sort -cost.unused --top 10""",
    ),
    "why": Recipe(
        "Which pods have no value, and why?",
        "shell",
        """\
kubemetrics pods -A --where 'reason != Finished' -o full
kubemetrics doctor""",
    ),
    "gate": Recipe(
        "A gate in CI: no pod above 90 % of its limit, and every value there.",
        "shell",
        """\
status=0
kubemetrics pods -n team-a --fail-on 'mem.pct_limit > 90' --strict || status=$?
case $status in
  0) ;;
  10) echo 'a pod is close to its memory limit'; exit 1 ;;
  3|4) echo 'not every pod is measured: nothing can be said of those'; exit 1 ;;
  *) echo 'the cluster could not be read'; exit 1 ;;
esac""",
    ),
    "textfile": Recipe(
        "Prometheus: for the textfile collector of node_exporter, whole or not at all.",
        "shell",
        """\
file=/var/lib/node_exporter/textfile/kubemetrics.prom
kubemetrics pods -A -o prometheus > "$file.$$" && mv "$file.$$" "$file\"""",
    ),
    "rbac": Recipe(
        "What may be read: one namespace by a Role, the cluster by a ClusterRole.",
        "yaml",
        """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: kubemetrics, namespace: team-a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kubemetrics, namespace: team-a}
rules:
- apiGroups: ["", metrics.k8s.io]
  resources: [pods]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubemetrics, namespace: team-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kubemetrics}
subjects:
- {kind: ServiceAccount, name: kubemetrics, namespace: team-a}
---
# For -A, nodes and namespaces; without it the above is enough for -n team-a.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: kubemetrics}
rules:
- apiGroups: ["", metrics.k8s.io]
  resources: [pods, nodes]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kubemetrics}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubemetrics}
subjects:
- {kind: ServiceAccount, name: kubemetrics, namespace: team-a}""",
    ),
    "cronjob": Recipe(
        "A CronJob whose Job fails when a pod is close to its limit (after 'rbac').",
        "yaml",
        """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: kubemetrics, namespace: team-a}
spec:
  schedule: "*/10 * * * *"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 0
      activeDeadlineSeconds: 120
      template:
        spec:
          serviceAccountName: kubemetrics
          restartPolicy: Never
          securityContext:
            runAsNonRoot: true
            runAsUser: 65532
            seccompProfile: {type: RuntimeDefault}
          containers:
          - name: kubemetrics
            image: registry.example.com/kubemetrics:latest  # see 'containerfile'
            args: [pods, --fail-on, mem.pct_limit > 90]
            resources:
              requests: {cpu: 50m, memory: 64Mi}
              limits: {memory: 128Mi}
            securityContext:
              allowPrivilegeEscalation: false
              readOnlyRootFilesystem: true
              capabilities: {drop: [ALL]}""",
    ),
    "containerfile": Recipe(
        "An image of the command, from a checkout: podman build -f Containerfile .",
        "containerfile",
        """\
FROM docker.io/library/python:3.13-slim
COPY pyproject.toml README.md /src/
COPY kubemetrics /src/kubemetrics
RUN pip install --no-cache-dir '/src[fast]' && rm -r /src
USER 65532
ENTRYPOINT ["kubemetrics"]""",
    ),
}
"""By name, in the order in which they are listed."""
