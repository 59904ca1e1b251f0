"""Why an event was refused: one reason each, said in both languages, with what to do.

BadScan      the event goes to the rejects with its reason; the stream goes on
NotYet       what is needed has not arrived; wait and try again, acknowledge nothing
Lost         a partition is somebody else's by now; end, a new process asks the group what is its own
BrokenGuarantee
             a promise of the system cannot be kept: the process ends with exit code 70
"""

from enum import Enum, StrEnum


class Reason(StrEnum):
    """Why an event is refused (the contract's closed list)."""

    MALFORMED = "malformed"
    UNKNOWN_READ_POINT = "unknown_read_point"
    UNKNOWN_OPERATION = "unknown_operation"
    AMBIGUOUS_TIME = "ambiguous_time"
    CLOCK_AHEAD = "clock_ahead"
    TOO_LATE = "too_late"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"


class BadScan(Exception):
    """An event that no state may take in; `en` and `zh` say what is wrong and how to mend it."""

    def __init__(self, reason: Reason, en: str, zh: str) -> None:
        super().__init__(f"{reason}: {en}")
        self.reason = reason
        self.en = en
        self.zh = zh


class NotYet(Exception):
    """Something this step needs (a plant-model version, a broker) is not there yet: retry, acknowledge nothing."""


class Lost(Exception):
    """Somebody else has claimed a partition that is ours as far as we know; a new process asks the group."""


class Guarantee(Enum):
    """What the system promises, and what to do where it cannot be kept: each said in English and Chinese."""

    NOTHING_LOST = (
        "every acknowledged record is read once", "每条已确认的记录必被读取一次",
        "if FLOORSTREAM_KAFKA or FLOORSTREAM_DATABASE_URL names another one, correct it; else stop every stage and "
        "make the log anew from the database: floorstream rebuild",
        "若代理或数据库地址有误请更正；否则停止所有环节，用 floorstream rebuild 由数据库重建日志",
    )  # fmt: skip
    ONE_STATE = (
        "the state follows from the log without a gap", "状态与日志之间没有缺口",
        "stop every stage and make the log anew from the database: floorstream rebuild",
        "停止所有环节，用 floorstream rebuild 由数据库重建日志",
    )  # fmt: skip
    OWN_TOPICS = (
        "our topics hold what our stages wrote", "内部主题只含本系统各环节写入的消息",
        "give every stage the same version and find out who else writes there; then start again, or make the log anew: "
        "floorstream rebuild",
        "请让所有环节使用同一版本，并查明还有谁在写入；然后重新启动，或 floorstream rebuild",
    )  # fmt: skip
    ONE_LIFE = (
        "all stages work in one life of the log, with one number of partitions", "所有环节处于同一代日志，分区数一致",
        "set FLOORSTREAM_GENERATION and FLOORSTREAM_PARTITIONS alike for every stage, then start again",
        "请为所有环节设置相同的 FLOORSTREAM_GENERATION 与 FLOORSTREAM_PARTITIONS，然后重新启动",
    )  # fmt: skip
    BOOKS = (
        "what came in is in process, in transit or gone", "进入的数量等于在制、在途与离开之和",
        "a bug of ours: keep the log and report it; floorstream verify says whether the rows are right, floorstream "
        "rebuild counts anew",
        "程序缺陷：请保留日志并报告；floorstream verify 可核对数据，floorstream rebuild 可重新计数",
    )  # fmt: skip


class BrokenGuarantee(Exception):
    """A guarantee could not be kept; the process stops with exit code 70 rather than lie.

    The message says what was seen, which guarantee it breaks, and the way on.
    """

    def __init__(self, guarantee: Guarantee, seen: str) -> None:
        self.guarantee = guarantee
        en, zh, do_en, do_zh = guarantee.value
        super().__init__(f"{seen}. Not kept 未能保证: {en} {zh}. What to do 处理: {do_en} {do_zh}")
