"""What is leaned on beneath the interpreter: that free memory between what is kept can be handed back."""

import subprocess
import sys

HOLES = """
import psutil
from services.adapters.runtime import give_back_memory

pieces = [bytes([n % 256]) * 1_000 for n in range(100_000)]
kept = pieces[::100]
del pieces
before = psutil.Process().memory_info().rss
give_back_memory()
print(before - psutil.Process().memory_info().rss)
"""


def test_free_memory_between_what_is_kept_goes_back_to_the_system() -> None:
    answer = subprocess.run([sys.executable, "-c", HOLES], check=True, capture_output=True, text=True)
    assert int(answer.stdout) > 50 << 20
