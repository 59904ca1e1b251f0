"""The jobs by name."""

import importlib

from loadtest.extra.job import Job, StaysJob

STAYS, RULES = "stays", "rules"


def job(name: str) -> Job:
    """`stays`: the common job; `rules`: the product's, of the benchmark's plant."""
    if name == STAYS:
        return StaysJob()
    # Only here: whoever does the common job needs neither pydantic nor YAML.
    rules, load = (importlib.import_module(module) for module in ("loadtest.extra.rules", "loadtest.load"))
    found: Job = rules.RulesJob(load.plant_model(load.Profile.read("full", {})))
    return found
