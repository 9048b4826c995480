"""Where the server, the CA and the credentials come from: kubeconfig, pod, flags."""
