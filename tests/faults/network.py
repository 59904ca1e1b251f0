"""A network of its own for servers under test, which can be cut port by port: Linux namespaces and iptables.

What runs inside has the address `host`; whoever is outside, with the address `outside`, reaches it over one link, and
what is said inside never passes it. Only root may do this; nothing outside the namespace is changed but the link.
"""

import os
import shutil
import subprocess
import uuid
from enum import Enum
from types import TracebackType
from typing import Self

PROGRAMS = ("ip", "iptables")


class Cut(Enum):
    """What happens to packets from outside to a port inside; the words of iptables that make it so."""

    DROP = "INPUT --dport DROP"
    """Nothing arrives: connections hang, new ones too."""
    REJECT = "INPUT --dport REJECT --reject-with tcp-reset"
    """Whoever sends is told at once that nobody listens."""
    ANSWERS = "OUTPUT --sport DROP"
    """What is sent arrives; no answer comes back."""
    SENT = "OUTPUT --dport DROP"
    """Nothing that is sent from inside to a port outside arrives."""


def why_not() -> str:
    """Why networks cannot be made here; empty where they can."""
    if os.geteuid() != 0:
        return "only root can make a network that is cut"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{missing[0]} is not installed: no network that is cut" if missing else ""


class Network:
    """One namespace and the link to it, for a `with`; gone afterwards, with whatever was cut."""

    def __init__(self) -> None:
        """Nothing is made yet."""
        name = uuid.uuid4()
        self._name = f"floor-{name.hex[:8]}"
        self._link = f"fl{name.hex[:8]}"
        # 198.18.0.0/15 is for tests between networks: https://www.rfc-editor.org/rfc/rfc2544#appendix-C.2.2
        net = f"198.18.{name.bytes[0]}"
        base = name.bytes[1] & 0xFC
        self.outside, self.host = f"{net}.{base + 1}", f"{net}.{base + 2}"

    @property
    def inside(self) -> tuple[str, ...]:
        """What to put before a command to run it inside."""
        return (shutil.which("ip") or "ip", "netns", "exec", self._name)

    def __enter__(self) -> Self:
        """Make it."""
        run("ip", "netns", "add", self._name)
        run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "floor", "netns", self._name)
        run("ip", "addr", "add", f"{self.outside}/30", "dev", self._link)
        run("ip", "link", "set", self._link, "up")
        run("ip", "-n", self._name, "addr", "add", f"{self.host}/30", "dev", "floor")
        for device in ("floor", "lo"):
            run("ip", "-n", self._name, "link", "set", device, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the link and the namespace; the servers inside have ended."""
        run("ip", "link", "del", self._link)
        run("ip", "netns", "del", self._name)

    def plug(self, *, pulled: bool) -> None:
        """The cable of the link is pulled, or in its place again."""
        run("ip", "link", "set", self._link, "down" if pulled else "up")

    def cut(self, how: Cut, *ports: int) -> None:
        """Cut the way to or from these ports, besides what is cut already."""
        chain, side, *target = how.value.split()
        device = "-i" if chain == "INPUT" else "-o"
        for port in ports:
            run(*self.inside, "iptables", "-A", chain, device, "floor", "-p", "tcp", side, str(port), "-j", *target)

    def heal(self) -> None:
        """Nothing is cut any more."""
        run(*self.inside, "iptables", "-F")


def run(*words: str) -> None:
    """One command, which has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
