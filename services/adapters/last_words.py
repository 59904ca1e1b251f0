"""The last words of a stage that ends by itself: in one wording, with the exit code and the way on."""

import logging

from services.core.errors import BrokenGuarantee

NOT_EXPECTED = (
    "Start it again, once; if it comes again keep this log and report it "
    "非预期错误：可重启一次；若再次出现请保留日志并报告"
)


def say_why(log: logging.Logger, code: int, error: BaseException, risk: str) -> None:
    """`risk`: what going on could do, where nobody expected the error."""
    if isinstance(error, BrokenGuarantee):
        log.error("stopping, exit %d: a guarantee could not be kept: %s", code, error)
    elif code == 70:
        log.error("stopping, exit 70: this was not expected, and %s. %s", risk, NOT_EXPECTED, exc_info=error)
    elif code == 1:
        log.error("stopping, exit 1: start again when this is over: %s", error or repr(error))
    else:
        log.error("stopping, exit %d: %s", code, error or repr(error))
