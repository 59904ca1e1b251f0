"""`--second-try`: a test that failed is run once more, and what its first try said is shown at the end.

For the check before a merge only, where one unlucky race among thousands of tests would hold up everything else. It
hides nothing: a test that needed it is a bug, of the test or of the product, until it is understood.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Off by default."""
    words = "run a failed test once more, and show at the end what its first try said"
    parser.getgroup("floorstream").addoption("--second-try", action="store_true", help=words)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One more try for what has no number of tries of its own."""
    if config.getoption("--second-try"):
        for item in items:
            if not item.get_closest_marker("flaky"):
                item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The first tries, whole."""
    failed_once = [each for each in terminalreporter.getreports("rerun") if not each.passed]
    if config.getoption("--second-try") and failed_once:
        terminalreporter.write_sep("=", "needed another try: to be understood", yellow=True)
        for report in failed_once:
            terminalreporter.write_sep("_", report.nodeid)
            report.toterminal(terminalreporter._tw)
