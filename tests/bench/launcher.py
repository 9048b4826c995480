"""Run a command, measured: `python -I -S launcher.py OUT ERR COMMAND…`.

Small on purpose: a process starts with the peak memory of the one that started it.
"""

import os
import sys
import time


def main(out: str, err: str, *argv: str) -> str:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600),
    ]
    started = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=files)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    cpu = usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return f"{code} {wall} {usage.ru_utime} {cpu} {usage.ru_maxrss / 1024}"


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
