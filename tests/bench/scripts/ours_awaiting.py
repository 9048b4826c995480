"""Pods and their metrics with kubemetrics, awaiting."""

import asyncio

from kubemetrics import AsyncClient


async def main() -> None:
    async with AsyncClient() as client:
        pods, samples = await asyncio.gather(
            client.list_pods(), client.list_pod_metrics()
        )
    print(len(pods), len(samples))


asyncio.run(main())
