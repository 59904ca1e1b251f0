"""What every test may use."""

pytest_plugins = ["tests.skip_policy", "tests.parts"]
