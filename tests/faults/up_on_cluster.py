"""`floorstream` as ever, with one more kind of broker: `up --broker given`, a cluster that runs already (CLUSTER)."""

import os
import sys
from pathlib import Path

from services.cli import main
from services.embedded.stack import BROKERS

CLUSTER = "CLUSTER"


class Given:
    """Brokers that somebody else starts and ends; see `services.embedded.part.Part`."""

    name = "given cluster"
    forgets = False
    log_path = Path(os.devnull)
    pid = None

    def start(self, data_dir: Path) -> str:
        """Their addresses."""
        self.pid = os.getpid()
        return os.environ[CLUSTER]

    def stop(self) -> None:
        """Not ours to end."""

    def kill(self) -> None:
        """Not ours to end."""


if __name__ == "__main__":
    BROKERS["given"] = Given
    sys.exit(main())
