"""Pod specs as heavy as real ones."""

from __future__ import annotations

from typing import Any

from .workloads import Part, Workload, template_fields

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def pod_spec(workload: Workload, *, scheduled: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"volumes": _volumes(workload)}
    if workload.init_parts:
        spec["initContainers"] = [
            _init_container(workload, part) for part in workload.init_parts
        ]
    spec["containers"] = [_container(workload, part) for part in workload.parts]
    spec |= {
        "restartPolicy": "Never" if workload.kind == "Job" else "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": workload.app,
        "serviceAccount": workload.app,
    }
    if scheduled:
        spec["nodeName"] = "{{node}}"
    return spec | _scheduling(workload) | template_fields(workload)


def _scheduling(workload: Workload) -> dict[str, Any]:
    return {
        "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{condition}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for condition in ("not-ready", "unreachable")
        ],
        "priority": 2_000_001_000 if workload.kind == "Node" else 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(workload.labels)},
            }
        ],
    }


def _volumes(workload: Workload) -> list[dict[str, Any]]:
    config = {"name": f"{workload.app}-config", "defaultMode": 420, "optional": True}
    projected = {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
        ],
        "defaultMode": 420,
    }
    return [
        {"name": "config", "configMap": config},
        {"name": "tmp", "emptyDir": {}},
        {"name": "kube-api-access", "projected": projected},
    ]


def _init_container(workload: Workload, part: Part) -> dict[str, Any]:
    container = _container(workload, part)
    if part.name == "istio-proxy":
        return container | {"restartPolicy": "Always"}
    return container


def _container(workload: Workload, part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "image": f"registry.example.com/{workload.namespace}/{part.name}:v4.6.5",
        "ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
        ],
        "env": _environment(workload),
        "resources": part.resources,
        "volumeMounts": [
            {"name": "config", "readOnly": True, "mountPath": "/etc/config"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in a pod
            {
                "name": "kube-api-access",
                "readOnly": True,
                "mountPath": _SERVICE_ACCOUNT,
            },
        ],
        "livenessProbe": _probe("/healthz"),
        "readinessProbe": _probe("/ready"),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }


def _environment(workload: Workload) -> list[dict[str, Any]]:
    references = (("POD_NAME", "metadata.name"), ("POD_IP", "status.podIP"))
    named = [
        {
            "name": name,
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}},
        }
        for name, path in references
    ]
    telemetry = "http://otel-collector.observability.svc:4317"
    plain = [("LOG_LEVEL", "info"), ("OTEL_EXPORTER_OTLP_ENDPOINT", telemetry)]
    plain += [(f"APP_SETTING_{i}", v) for i, v in enumerate(workload.settings)]
    return [*named, *({"name": name, "value": value} for name, value in plain)]


def _probe(path: str) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": 10,
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
