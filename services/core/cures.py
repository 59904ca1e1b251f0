"""What to do about an event that was refused: one text per reason and language, wherever people read of it."""

from collections.abc import Mapping

from services.core.errors import Reason

CURES: Mapping[str, Mapping[str, str]] = {
    Reason.MALFORMED: {
        "en": "correct at its source what is named and send it again; for local times declare sources.NAME.time_zone "
        "and time_format in the plant model, then `floorstream rejects replay`",
        "zh": "请在来源处更正所指内容后重新发送；若为本地时间，请在工厂模型中声明 sources.NAME.time_zone "
        "与 time_format，再运行 floorstream rejects replay",
    },
    Reason.UNKNOWN_READ_POINT: {
        "en": "add the read point to the plant model (PUT /v1/plant), then `floorstream rejects replay`",
        "zh": "请在工厂模型中添加该采集点（PUT /v1/plant），再运行 floorstream rejects replay",
    },
    Reason.UNKNOWN_OPERATION: {
        "en": "add the operation to the plant model (PUT /v1/plant), then `floorstream rejects replay`",
        "zh": "请在工厂模型中添加该工序（PUT /v1/plant），再运行 floorstream rejects replay",
    },
    Reason.AMBIGUOUS_TIME: {
        "en": "send it again with the offset of its time: nobody else can know which of the two hours it was",
        "zh": "请带时区偏移重新发送：否则无法判断是重复时段中的哪一个",
    },
    Reason.CLOCK_AHEAD: {
        "en": "set the clock of the source (NTP), or let it send sent_time; send it again with the right time",
        "zh": "请校准来源的时钟（NTP）或让其发送 sent_time，并以正确的时间重新发送",
    },
    Reason.TOO_LATE: {
        "en": "raise tracking.history_events or history_horizon and `floorstream rebuild`",
        "zh": "请调大 tracking.history_events 或 history_horizon，再运行 floorstream rebuild",
    },
    Reason.CONFLICTING_DUPLICATE: {
        "en": "send it under an event_id of its own",
        "zh": "请使用独立的 event_id 重新发送",
    },
}
