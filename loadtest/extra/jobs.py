"""The jobs by name."""

from loadtest.extra.given import Job
from loadtest.extra.job import StaysJob

STAYS, RULES = "stays", "rules"


def job(name: str) -> Job:
    """`stays`: the common job; `rules`: the product's, of the benchmark's plant."""
    if name == STAYS:
        return StaysJob()
    # Only here: whoever does the common job needs neither pydantic nor YAML.
    from loadtest.extra.rules import RulesJob
    from loadtest.load import Profile, plant_model

    return RulesJob(plant_model(Profile.read("full", {})))
