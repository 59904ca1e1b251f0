"""What every test may use."""

from hypothesis import settings

pytest_plugins = ["tests.skip_policy", "tests.parts", "tests.second_try", "tests.faults.record", "tests.faults.cluster"]

# How long an example takes says how busy the machine is, not whether the rule holds.
settings.register_profile("floorstream", deadline=None)
settings.load_profile("floorstream")
