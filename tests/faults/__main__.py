"""Run the fault matrix on both brokers and print its table: `python -m tests.faults green|red [pytest arguments]`.

`green` looks whether the guarantees hold, `red` whether the tests notice when a defence is taken away. What needs no
broker runs once, with the embedded one.
"""

import subprocess
import sys

from tests.faults.table import RESULTS, write

SELECTED = {"green": "row and not red", "red": "row and red"}
WORKERS = ("-n", "2", "--dist=worksteal")


def main(colour: str, *arguments: str) -> int:
    """Both runs, then the table; the worse of the two codes."""
    codes = []
    for broker, more in (("embedded", ""), ("apache", " and broker")):
        record = RESULTS / f"{colour}-{broker}.json"
        selected = ("-m", f"{SELECTED[colour]}{more}", f"--broker={broker}", f"--record={record}")
        command = [sys.executable, "-m", "pytest", *WORKERS, *selected, *arguments]
        codes.append(subprocess.run(command, check=False).returncode)
    sys.stdout.write("\n" + write())
    return max(codes)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in SELECTED:
        sys.exit(f"usage: python -m tests.faults {'|'.join(SELECTED)} [pytest arguments]")
    sys.exit(main(*sys.argv[1:]))
