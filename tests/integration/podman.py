"""podman with a store of its own, and the images of docker-compose.yml made here: no registry is asked.

Stand-ins for the images of others are made of Debian's packages and Maven's jars (deploy/images-local). Trees and
images stay in CACHE, so that only the first run makes them.
"""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from services.embedded.apache_kafka import ApacheKafka
from services.embedded.timescale import TimescaleApache
from tests.integration.compose_file import ROOT

CACHE = Path("/var/cache/floorstream/images")
LOCAL = ROOT / "deploy" / "images-local"
PREFIX = "localhost/floorstream-local"
PYTHON = f"{PREFIX}/library/python:3.11-slim-bookworm"
MINUTES = 60.0
NEEDED = ("podman", "runc", "iptables", "mmdebstrap", "/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns")
MOST_FILES, MOST_PROCESSES = 20_000, 4_096
"""podman asks for more than a machine may give, and does not start then."""


def missing() -> str | None:
    """What keeps containers from running on this machine; None if nothing does."""
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if absent:
        return f"no containers here: {', '.join(absent)} not installed"
    return TimescaleApache().missing()


class Podman:
    """The command, with everything it keeps below one directory."""

    def __init__(self, home: Path) -> None:
        """Nothing runs yet; makes `home`."""
        home.mkdir(parents=True, exist_ok=True)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = min(files, MOST_FILES)
        config = home / "containers.conf"
        config.write_text(
            f'[containers]\ndefault_ulimits = ["nofile={limit}:{limit}", "nproc={MOST_PROCESSES}:{MOST_PROCESSES}"]\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )
        self._environment = {**os.environ, "CONTAINERS_CONF": str(config), "BUILDAH_FORMAT": "docker"}
        self._words = ["podman", "--root", str(home / "store"), "--runroot", str(home / "run")]
        self._words += ["--network-config-dir", str(home / "networks")]

    def run(self, *words: str, check: bool = True, seconds: float = 10 * MINUTES) -> subprocess.CompletedProcess[str]:
        """Run it to its end. Raises AssertionError with what it said where it failed and `check`."""
        done = subprocess.run(
            [*self._words, *words], capture_output=True, text=True, env=self._environment, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or done.returncode == 0, (
            f"podman {' '.join(words)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
        return done

    def has(self, image: str) -> bool:
        """Is there an image of this name?"""
        return self.run("image", "exists", image, check=False).returncode == 0


def name_of(image: str, *sources: Path) -> str:
    """The name under which an image made of these files is kept: another content is another image."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    return f"{PREFIX}/made/{image}:{content}"


def make_stand_ins(podman: Podman, wanted: Sequence[str]) -> None:
    """Every image of these names (`PREFIX/…`), where it is not there yet."""
    timescale = TimescaleApache().build()
    base = make_base(podman, timescale)
    makers = {
        "library/python": lambda: base,
        "apache/kafka": lambda: make_kafka(podman, base),
        "timescale/timescaledb": lambda: make_timescale(podman, timescale),
        "prom/prometheus": lambda: make(podman, "prometheus", base, LOCAL),
    }
    for name in wanted:
        podman.run("tag", makers[name.removeprefix(f"{PREFIX}/").split(":")[0]](), name)


def make_base(podman: Podman, timescale: Path) -> str:
    """A Debian with Python, Java, Prometheus; from the mirror that TimescaleDB's tree was made from."""
    script = LOCAL / "build-tree.sh"
    name = name_of("base", script)
    if not podman.has(name):
        mirror = (timescale / "etc/apt/sources.list").read_text().split()[1]
        tree = CACHE / "base.tar"
        subprocess.run([str(script), str(tree), mirror], check=True, capture_output=True, timeout=10 * MINUTES)
        podman.run("import", "--quiet", str(tree), name)
        tree.unlink()
    return name


def make_timescale(podman: Podman, tree: Path) -> str:
    """The Apache edition, of the tree that the other tests use."""
    root = name_of("timescale-root", tree / "etc/floorstream-build")
    if not podman.has(root):
        tar = CACHE / "timescale.tar"
        with tarfile.open(tar, "w") as out:
            out.add(tree, arcname=".")
        podman.run("import", "--quiet", str(tar), root)
        tar.unlink()
    return make(podman, "timescaledb", root, LOCAL)


def make_kafka(podman: Podman, base: str) -> str:
    """Apache Kafka of the jars that the other tests use."""
    context = CACHE / "kafka"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(LOCAL, context)
    shutil.copytree(ApacheKafka().install(), context / "lib")
    return make(podman, "kafka", base, context)


def make(podman: Podman, image: str, base: str, context: Path) -> str:
    """Build one of deploy/images-local; podman's cache knows what has not changed."""
    name = f"{PREFIX}/made/{image}"
    file = LOCAL / f"{image}.Dockerfile"
    podman.run(
        "build", "--quiet", "--network=none", f"--build-arg=BASE={base}", "-f", str(file), "-t", name, str(context)
    )
    return name


def build_ours(podman: Podman, name: str, *words: str) -> None:
    """Our image as the compose file builds it, with packages from a folder instead of an index."""
    wheels = wheelhouse()
    (CACHE / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    podman.run(
        "build", "--quiet", "--network=none", "--timestamp=0", f"--build-arg=PYTHON_IMAGE={PYTHON}", "-t", name, *words,
        f"--secret=id=pip,src={CACHE / 'pip.conf'}", f"--volume={wheels}:/wheels:ro",
        "-f", str(ROOT / "deploy" / "Dockerfile"), str(ROOT),
    )  # fmt: skip


def wheelhouse() -> Path:
    """Every package of requirements/runtime.txt, fetched once by pip as this machine has it set up."""
    lock = ROOT / "requirements" / "runtime.txt"
    folder = CACHE / f"wheels-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:"]
        fetch += ["--python-version=3.11", f"--requirement={lock}", f"--dest={part}"]
        subprocess.run(fetch, check=True, capture_output=True, timeout=10 * MINUTES)
        part.rename(folder)
    return folder
