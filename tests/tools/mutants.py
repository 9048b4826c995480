"""Change the code in one small way after the other: does a test fail each time?

    python tests/tools/mutants.py                   # every target, a sample of each
    python tests/tools/mutants.py config --most 0   # every mutant of one target

mutmut says what is changed; conditions, loops and results are changed here besides. Its
own runner is not used: it leaves out properties and tables. The package and the tests
are copied to ``.mutants``; a mutant is one file there and one forked process that runs
the target's tests until one fails. A sample is the same each time (the lowest hashes of
what is changed). Time limits count CPU seconds: a busy machine changes no verdict.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import Phase, settings
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).parents[2]
COPY = ROOT / ".mutants"
SURVIVORS = COPY / "survivors.txt"
MOST = 150
"""Mutants of a target, unless told otherwise."""
CPU_SECONDS = 60
"""For one mutant; the slowest target's tests take some five."""
HANGS_AFTER = 600
"""Seconds; only what sleeps or waits gets there."""


@dataclass(frozen=True)
class Target:
    """What is changed, and the tests that should notice, the quick ones first."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = {
    "quantity": Target(("quantity.py",), ("test_quantity.py",)),
    "accounting": Target(
        ("accounting.py",),
        (
            "accounting/test_effective.py",
            "accounting/test_demand.py",
            "accounting/test_kubectl_describe.py",
            "accounting/test_properties.py",
        ),
    ),
    "join": Target(
        (
            "snapshot/join.py",
            "snapshot/reasons.py",
            "snapshot/rollup.py",
            "snapshot/rows.py",
            "snapshot/node_rows.py",
            "snapshot/rollup.py",
            "snapshot/reasons.py",
            "snapshot/read.py",
            "snapshot/read.py",
        ),
        (
            "snapshot/test_clock.py",
            "snapshot/test_scope.py",
            "snapshot/test_join.py",
            "snapshot/test_reasons.py",
            "snapshot/test_nodes.py",
            "snapshot/test_rollup.py",
            "snapshot/test_read.py",
            "snapshot/test_recorded.py",
            "snapshot/test_generated.py",
        ),
    ),
    "config": Target(
        (
            "config/kubeconfig.py",
            "config/resolve.py",
            "config/selection.py",
            "config/kubeconfig.py",
            "config/yaml_document.py",
            "config/validate.py",
            "config/selection.py",
        ),
        (
            "config/test_overrides.py",
            "config/test_files.py",
            "config/test_contexts.py",
            "config/test_validation.py",
            "config/test_complaints.py",
            "config/test_document.py",
            "config/test_in_cluster.py",
            "test_times.py",
            "config/test_urls.py",
            "config/test_merging.py",
        ),
    ),
    "status": Target(
        ("api/answers.py", "errors.py"),
        (
            "api/test_status.py",
            "test_errors.py",
            "api/test_recorded.py",
            "api/test_retry.py",
            "api/test_metrics.py",
        ),
    ),
}

_UNCHANGED = {"len", "isinstance", "cast", "TypeVar", "overload"}
"""Calls whose arguments are types, or without which nothing works at all."""


@dataclass(frozen=True)
class Mutant:
    """One change to one file; *code* is the whole of the file with it."""

    path: Path
    line: int
    before: str
    after: str
    code: str = field(repr=False)

    @property
    def order(self) -> bytes:
        """What samples are drawn by: a change elsewhere draws no other sample."""
        return sha256(f"{self.path} {self.before} {self.after}".encode()).digest()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}\n  - {self.before}\n  + {self.after}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every change to the module at *path*, which is relative to the root."""
    text = (ROOT / path).read_text("utf-8")
    module = cst.parse_module(text)
    seen = {text}
    parts = [module.code_for_node(n) for n in (*module.header, *module.body)]
    for place, statement in enumerate(module.body, start=len(module.header)):
        for node in _changeable(statement):
            for changed in _changes(node):
                # Of the statement alone: to go through the module each time is slow.
                part = module.code_for_node(_replaced(statement, node, changed))
                code = "".join((*parts[:place], part, *parts[place + 1 :]))
                if code not in seen:
                    seen.add(code)
                    yield _mutant(path, text, code)


def _replaced(
    statement: cst.CSTNode, node: cst.CSTNode, changed: cst.CSTNode
) -> cst.CSTNode:
    result = statement.deep_replace(node, changed)
    if not isinstance(result, cst.CSTNode):
        raise TypeError(f"{node} cannot be taken out of its statement")
    return result


def _mutant(path: Path, text: str, code: str) -> Mutant:
    old, new = text.splitlines(), code.splitlines()
    start = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0
    )
    end = 1
    while end < min(len(old), len(new)) - start and old[-end] == new[-end]:
        end += 1
    before = " ".join(line.strip() for line in old[start : len(old) - end + 1])
    after = " ".join(line.strip() for line in new[start : len(new) - end + 1])
    return Mutant(path, start + 1, before, after, code)


def _changeable(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what is worth a change: no types, no decorators, no sentences."""
    if isinstance(node, cst.Annotation | cst.Decorator | cst.ImportFrom | cst.Import):
        return
    if isinstance(node, cst.AnnAssign) and _names(node.annotation) & {"TypeAlias"}:
        return
    if isinstance(node, cst.Call) and _names(node.func) & _UNCHANGED:
        for argument in node.args[1:]:
            yield from _changeable(argument)
        return
    if isinstance(node, cst.SimpleString) and (" " in node.value or "XX" in node.value):
        return
    yield node
    for child in node.children:
        yield from _changeable(child)


def _names(node: cst.CSTNode) -> set[str]:
    found = {node.value} if isinstance(node, cst.Name) else set()
    return found.union(*(_names(child) for child in node.children))


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            changes = list(operator(node))
            # Of a word, one other word is enough: not in other letters as well.
            yield from changes[:1] if isinstance(node, cst.SimpleString) else changes
    if isinstance(node, cst.If | cst.While | cst.CompIf) and not isinstance(
        node.test, cst.Comparison
    ):
        yield node.with_changes(test=_negated(node.test))
    if isinstance(node, cst.For | cst.CompFor):
        yield node.with_changes(iter=cst.Tuple([]))
    if isinstance(node, cst.Return) and node.value is not None:
        yield node.with_changes(value=cst.Name("None"))


def _negated(test: cst.BaseExpression) -> cst.BaseExpression:
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(cst.Not(), inner)


def prepare() -> None:
    """Copy what is changed, and import what every mutant would import alike."""
    shutil.rmtree(COPY, ignore_errors=True)
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("kubemetrics", "tests"):
        shutil.copytree(ROOT / name, COPY / name, ignore=skipped)
    shutil.copy2(ROOT / "pyproject.toml", COPY)
    settings.register_profile(
        "mutants",
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=40,
        phases=[Phase.explicit, Phase.generate],  # a failure is enough: not the least
    )
    for name in ("httpx", "yaml", "msgspec", "_pytest.assertion.rewrite"):
        importlib.import_module(name)
    gc.freeze()


def verdict(target: Target) -> str:
    """Run the target's tests in a fork: ``survived``, ``killed`` or ``timeout``."""
    child = os.fork()
    if not child:
        code = int(pytest.ExitCode.INTERNAL_ERROR)
        try:
            code = _run(target)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        late = os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL}
        return "timeout" if late else "killed"
    code = os.WEXITSTATUS(status)
    if code in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise SystemExit(f"no such tests: {target.tests}")
    return "survived" if code == pytest.ExitCode.OK else "killed"


def _run(target: Target) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    signal.alarm(HANGS_AFTER)
    os.chdir(COPY)
    sys.path[0] = str(COPY)
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    tests = [f"tests/{name}" for name in target.tests]
    options = ["-x", "-q", "--tb=short", "--rootdir=.", "-p", "no:cacheprovider"]
    # Hypothesis is there before pytest can rewrite its assertions: on purpose.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, "--hypothesis-profile=mutants", *tests]))


def survivors(name: str, most: int) -> Iterator[Mutant]:
    """Try a target's mutants, yield those that no test notices, print the figures."""
    target, began = TARGETS[name], time.monotonic()
    found = [
        m for path in target.modules for m in mutants_of(Path("kubemetrics", path))
    ]
    chosen = sorted(found, key=lambda mutant: mutant.order)[: most or None]
    sys.dont_write_bytecode = False
    if verdict(target) != "survived":
        output = (COPY / "output.txt").read_text("utf-8")
        raise SystemExit(f"{output}{name}: the tests fail without any change")
    sys.dont_write_bytecode = True
    counts = dict.fromkeys(("killed", "timeout", "survived"), 0)
    for number, mutant in enumerate(chosen, start=1):
        outcome = _try(mutant, target, number)
        counts[outcome] += 1
        if outcome == "survived":
            yield mutant
    noticed = len(chosen) - counts["survived"]
    share = 100 * noticed / max(len(chosen), 1)
    print(
        f"{name:<12}{len(found):>6} mutants,{len(chosen):>5} tried: "
        f"{counts['killed']} killed, {counts['timeout']} out of time, "
        f"{counts['survived']} survived ({share:.1f} % noticed), "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )


def _try(mutant: Mutant, target: Target, number: int) -> str:
    path = COPY / mutant.path
    original, stat = path.read_bytes(), path.stat()
    path.write_text(mutant.code, "utf-8")
    os.utime(path, (number, number))  # a time of its own: compiled code goes by it
    try:
        return verdict(target)
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def main() -> None:
    parser = argparse.ArgumentParser(description="How many small changes go unnoticed?")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument(
        "--most", type=int, default=MOST, help=f"mutants of a target ({MOST}; 0: all)"
    )
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    os.environ["CI"] = "1"
    prepare()
    with SURVIVORS.open("w", encoding="utf-8") as out:
        for name in options.targets or TARGETS:
            for mutant in survivors(name, options.most):
                print(f"{name}: {mutant}", file=out, flush=True)
    print(f"Survivors: {SURVIVORS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
