"""Brings the services of docker-compose.yml up with podman as compose would: its order, its conditions, its limits.

What a service says is handed to podman word by word; a word that is not known here is an error, so that nothing in the
file goes by untested. Left out, because podman has no such thing: `logging` (its options are Docker's), and `build`,
which has been done before.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.integration import compose_file
from tests.integration.compose_file import ROOT, Service
from tests.integration.podman import Podman

HEALTHY_S = 300.0
DONE_S = 180.0
POLL_S = 0.5
LEFT_OUT = {"logging", "build", "depends_on", "healthcheck", "image", "command", "profiles"}


def plain(option: str) -> Callable[[Any], Iterator[str]]:
    """A value that podman takes as it is."""
    return lambda value: iter([f"--{option}={value}"])


def each(option: str) -> Callable[[Any], Iterator[str]]:
    """A list of which podman takes every item as it is."""
    return lambda values: (f"--{option}={value}" for value in values)


class Stack:
    """One project of the file. `name` keeps it apart from others on this machine."""

    def __init__(self, podman: Podman, name: str, document: dict[str, Any], secrets: Path) -> None:
        """Nothing runs yet. `secrets`: the folder with the files of the secrets."""
        self._podman = podman
        self._name = name
        self._document = document
        self._secrets = secrets
        self.services: dict[str, Service] = document["services"]
        self._words: Mapping[str, Callable[[Any], Iterator[str]]] = {
            "cap_add": each("cap-add"), "cap_drop": each("cap-drop"), "cpus": plain("cpus"), "ports": each("publish"),
            "mem_limit": plain("memory"), "pids_limit": plain("pids-limit"), "shm_size": plain("shm-size"),
            "read_only": plain("read-only"), "tmpfs": each("tmpfs"), "restart": plain("restart"),
            "entrypoint": lambda words: iter([f"--entrypoint={json.dumps(words)}"]), "security_opt": self._security,
            "stop_grace_period": lambda value: iter([f"--stop-timeout={value.removesuffix('s')}"]),
            "environment": lambda values: (f"--env={name}={value}" for name, value in values.items()),
            "volumes": self._volumes, "secrets": self._mounted_secrets,
        }  # fmt: skip

    def container(self, service: str) -> str:
        """The container of a service."""
        return f"{self._name}-{service}"

    def up(self, *without: str) -> None:
        """Start all services but those that cannot be had here, each when what it waits for has come."""
        for network, options in self._document["networks"].items():
            internal = ["--internal"] if (options or {}).get("internal") else []
            self._podman.run("network", "create", *internal, f"{self._name}-{network}")
        for name, service in compose_file.in_order(self.services):
            if name not in without:
                for other, how in service.get("depends_on", {}).items():
                    self._wait(other, how["condition"])
                self._podman.run("run", "--detach", *self._options(name), service["image"], *service.get("command", ()))
        for name, service in self.services.items():
            if name not in without and not compose_file.is_done_once(service):
                self._wait(name, "service_healthy")

    def down(self) -> None:
        """End and remove everything of this project."""
        self._podman.run("rm", "--force", "--time=5", "--volumes", *self._all("ps", "--all", "--format={{.Names}}"))
        self._podman.run("volume", "rm", "--force", *self._all("volume", "ls", "--format={{.Name}}"))
        self._podman.run("network", "rm", "--force", *self._all("network", "ls", "--format={{.Name}}"))

    def _all(self, *words: str) -> list[str]:
        listed = self._podman.run(*words).stdout.split()
        # podman wants a name even where there is nothing to remove
        return [name for name in listed if name.startswith(f"{self._name}-")] or [f"{self._name}-nothing"]

    def tool(self, service: str, *words: str) -> str:
        """What `docker compose run --rm SERVICE WORDS` prints."""
        options = [word for word in self._options(service) if not word.startswith(("--name", "--restart"))]
        return self._podman.run("run", "--rm", *options, self.services[service]["image"], *words).stdout

    def inside(self, service: str, *words: str, check: bool = True) -> tuple[int, str]:
        """Exit code and output of a command in a service's container."""
        done = self._podman.run("exec", self.container(service), *words, check=check)
        return done.returncode, done.stdout + done.stderr

    def is_healthy(self, service: str) -> bool:
        """What its health check says now."""
        check = self.services[service]["healthcheck"]
        assert check["test"][0] == "CMD"
        return self.inside(service, *check["test"][1:], check=False)[0] == 0

    def logs(self, service: str) -> str:
        """The end of what it wrote."""
        done = self._podman.run("logs", "--tail=40", self.container(service), check=False)
        return done.stdout + done.stderr

    def _wait(self, service: str, condition: str) -> None:
        done = condition == "service_completed_successfully"
        deadline = time.monotonic() + (DONE_S if done else HEALTHY_S)
        while not (self._has_ended_well(service) if done else self.is_healthy(service)):
            assert time.monotonic() < deadline, f"{service}: {condition} did not come\n{self.logs(service)}"
            time.sleep(POLL_S)

    def _has_ended_well(self, service: str) -> bool:
        shown = self._podman.run(
            "inspect", "--format={{.State.Status}} {{.State.ExitCode}}", self.container(service)
        ).stdout.split()
        return shown == ["exited", "0"]

    def _options(self, name: str) -> list[str]:
        service = self.services[name]
        options = [f"--name={self.container(name)}", f"--hostname={name}", "--no-healthcheck"]
        options += [f"--network={self._name}-{network}:alias={name}" for network in service["networks"]]
        for word, value in service.items():
            if word not in LEFT_OUT | {"networks"}:
                options += self._words[word](value)
        return options

    def _security(self, values: list[str]) -> Iterator[str]:
        return (f"--security-opt={value.replace(':true', '')}" for value in values)

    def _volumes(self, values: list[str]) -> Iterator[str]:
        for value in values:
            source, _, rest = value.partition(":")
            yield f"--volume={ROOT / source if source.startswith('./') else f'{self._name}-{source}'}:{rest}"

    def _mounted_secrets(self, names: list[str]) -> Iterator[str]:
        return (f"--volume={self._secrets / name}:/run/secrets/{name}:ro" for name in names)
