"""What containers ask for, in all the ways people write it."""

from __future__ import annotations

from random import Random

Resources = dict[str, dict[str, str]]


def standard(rng: Random) -> Resources:
    memory = rng.choice((64, 128, 256, 512, 1024))
    return {
        "limits": {"memory": f"{2 * memory}Mi"},
        "requests": {
            "cpu": f"{rng.choice((10, 50, 100, 250))}m",
            "memory": f"{memory}Mi",
        },
    }


def _odd(rng: Random) -> Resources:
    """Return what the API keeps as it was written, in every format there is."""
    cpu = rng.choice(("1", "1500m", "500u", "2500u", "1e1", "100n"))
    memory = rng.choice(("129e6", "129M", "1G", "123456789", "1500Ki", "128974848"))
    return {
        "limits": {"cpu": "16", "memory": "2e9"},
        "requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": "1k"},
    }


def resources(rng: Random) -> Resources:
    """Choose one of the ways in which people ask for resources."""
    usual = standard(rng)
    requests, limits = usual["requests"], usual["limits"]
    ways: tuple[Resources, ...] = (
        usual,
        {"limits": {"cpu": "1"} | limits, "requests": requests},
        {"requests": requests},
        {"limits": {"cpu": "500m"} | limits, "requests": {"cpu": "500m"} | limits},
        _odd(rng),
        {},
    )
    return rng.choices(ways, (50, 20, 12, 6, 4, 8))[0]


def resources_for(trait: str, rng: Random) -> Resources:
    """Choose for a trait; a pod's own amounts, where it has any, leave room."""
    found = standard(rng) if trait == "pod-level" else resources(rng)
    extra = {"gpu": ("nvidia.com/gpu", "1"), "hugepages": ("hugepages-2Mi", "64Mi")}
    if trait == "best-effort":
        return {}
    if trait not in extra:
        return found
    name, amount = extra[trait]
    base = {"cpu": "250m", "memory": "256Mi", name: amount}
    return {"limits": base, "requests": base}
