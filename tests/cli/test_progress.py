from __future__ import annotations

import io

from kubemetrics.console import ProgressBar, progress_line
from tests.cluster import Cluster

from .harness import Terminal, run


def test_a_bar_where_the_total_is_known_and_a_count_where_it_is_not() -> None:
    assert (
        progress_line(500, 2000) == "[#######                       ] 500 of 2000 pods"
    )
    assert progress_line(2000, 2000) == f"[{'#' * 30}] 2000 of 2000 pods"
    assert progress_line(2100, 2000) == f"[{'#' * 30}] 2100 of 2000 pods"
    assert progress_line(500, None) == "500 pods"


def drawn(*steps: tuple[int, int | None]) -> str:
    stream = Terminal()
    with ProgressBar(stream) as bar:
        assert bar.progress is not None
        for count, total in steps:
            bar.progress(count, total)
    return stream.getvalue()


def test_a_list_of_one_page_is_not_drawn() -> None:
    assert drawn((80, 80)) == ""


def test_a_bar_is_drawn_over_and_leaves_nothing_behind() -> None:
    text = drawn((500, 1000), (1000, 1000))
    assert text.count("\r\x1b[K") == 3
    assert "500 of 1000" in text
    assert text.endswith("\r\x1b[K")


def test_nothing_is_drawn_but_on_a_terminal_for_one_cluster() -> None:
    assert ProgressBar(None).progress is None
    assert (
        ProgressBar.for_contexts(1).progress is None
    )  # stderr of tests is no terminal
    assert ProgressBar.for_contexts(2).progress is None


def test_a_long_list_shows_its_progress_on_stderr_alone() -> None:
    err = Terminal()
    with Cluster.recorded() as cluster:
        result = run(cluster, "pods", "-A", "-o", "name", "--chunk-size=40", err=err)
    assert "40 of 100 pods" in err.getvalue()
    assert result.out.count("\n") == 100
    assert "\r" not in result.out


def test_text_that_is_no_terminal_gets_no_progress() -> None:
    err = io.StringIO()
    with Cluster.recorded() as cluster:
        run(cluster, "pods", "-A", err=err)
    assert "\r" not in err.getvalue()
