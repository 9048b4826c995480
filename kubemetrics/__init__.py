"""Every Kubernetes pod and its metrics."""
