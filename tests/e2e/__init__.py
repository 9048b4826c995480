"""A read-only suite for any real cluster; it needs nothing but its kubeconfig."""
