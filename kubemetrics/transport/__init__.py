"""From a `Config` to a connection: TLS, proxies, and errors that say what to try."""
