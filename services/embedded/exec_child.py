"""Become another program, tied to the life of the process that asked for it.

Run as `python -I -S exec_child.py SIGNAL PARENT_PID USER_ID GROUP_ID PROGRAM ARGUMENT…`. A program of its own rather
than a function run between fork and exec: that one is unsafe as soon as the parent has a second thread.
USER_ID may be -1 (keep). SIGNAL is what the kernel sends to the program when its parent dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def become(death_signal: int, parent: int, user: int, group: int, argv: list[str]) -> None:
    """Replace this process by `argv`; exits with 127 and one line when that is not possible."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a shell's `&` hands SIGINT down as ignored
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o077)
    try:
        if user >= 0:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
        # After the change of user, which clears it.
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:  # it died before the line above
            sys.exit(127)
        os.execv(argv[0], argv)
    except OSError as error:
        print(f"cannot run {argv[0]} (uid {os.getuid()}): {error}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    number, parent_pid, user_id, group_id = (int(word) for word in sys.argv[1:5])
    become(number, parent_pid, user_id, group_id, sys.argv[5:])
