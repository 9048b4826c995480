"""Two clients over one set of flows: `Client` blocks, `AsyncClient` awaits.

Each is imported from its own module, since only the asynchronous one needs anyio.
"""
