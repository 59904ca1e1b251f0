"""The edge program at a gate: a scanner on the network, and a plant whose only operation it stands before."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from services.embedded.process import free_port
from tests.integration.edge_process import PATIENCE_SECONDS, EdgeProgram

READ_POINT = "EDGE-IN"
EDGE_PLANT = f"""
site: {{id: S}}
areas:
  - id: A
    work_centers:
      - id: L
        operations: [{{id: EDGE}}]
        read_points: [{{id: {READ_POINT}, operation: EDGE, action: arrive}}]
"""
SCANNER = """
import socket, sys, time
deadline = time.monotonic() + float(sys.argv[2])
while True:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as scanner:
            scanner.sendall(sys.stdin.buffer.read())
        break
    except ConnectionRefusedError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.05)
"""
"""Connects as soon as somebody listens, sends its input and leaves."""


class Gate(EdgeProgram):
    """The program and its scanner, both in the same place."""

    def __init__(self, home: Path, server: str, *, key: str = "", inside: Sequence[str] = ()) -> None:
        """As the program's; what is read is one scanner that connects to it."""
        self._port = free_port()
        collectors = f"scanners: {{gate: {{listen: '127.0.0.1:{self._port}', read_point: {READ_POINT}}}}}"
        super().__init__(home, server, collectors, key=key, inside=inside)

    def scan(self, codes: Sequence[str]) -> None:
        """Send reads as a scanner does."""
        words = [*self.inside, sys.executable, "-c", SCANNER, str(self._port), str(PATIENCE_SECONDS)]
        sent = "".join(f"{code}\r\n" for code in codes).encode()
        done = subprocess.run(words, input=sent, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, f"{done.stderr.decode()}\n{self.said}"
