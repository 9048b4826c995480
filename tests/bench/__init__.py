"""What kubemetrics costs, measured side by side with what people use instead.

    python -m tests.bench                  # the table
    PEERS=all python -m tests.bench        # with every peer
    KUBECONFIG=… python -m tests.bench     # against a real cluster
    python -m tests.bench --paced-only --pages 500,1000,2000 --only 'fast|curl'
    python -m tests.bench.huge             # 100,000 pods
    python -m tests.bench.recorder --help  # what is recorded, and asked of it

Whole processes are measured, in turn, with what the system says of them when they end.
"""
