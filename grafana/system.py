"""System health for those who operate floorstream; metrics of services/adapters/metrics.py only."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableOption

from grafana.board import board, chosen_by_query
from grafana.look import BLUE, GREEN, ORANGE, PINK, RED, SKY, Panel, curve, number, steps
from grafana.queries import METRICS, promql

WHERE = 'job=~"$job", instance=~"$instance"'
P95 = "histogram_quantile(0.95, sum by (le) (rate(floorstream_{}_bucket{{{}}}[$__rate_interval])))"


def selected(text: str) -> str:
    """A PromQL expression with the matchers of the variables for every `{}`."""
    return text.replace("{}", "{" + WHERE + "}")


def system() -> dashboard.Dashboard:
    """Is every stage up, does each keep up, is anything refused or failing."""
    return board(
        "floorstream-system",
        "系统状况 System health",
        "各阶段是否在运行、是否跟得上。退出原因见各阶段日志，不是指标。"
        "Whether every stage runs and keeps up. Why a stage ended is in its log, not a metric.",
        METRICS,
        [*_now(), *_road(), *_store_and_door(), *_alerts()],
        [_label("job", "up"), _label("instance", 'up{job=~"$job"}')],
        since="now-1h",
    )


def _label(name: str, series: str) -> dashboard.QueryVariable:
    """All values of a label of the scraped stages."""
    chosen = chosen_by_query(name, name.title(), f"label_values({series}, {name})", METRICS)
    return chosen.multi(True).include_all(True).all_value(".+").current(VariableOption(True, "All", "$__all"))


def _now() -> list[Panel]:
    return [
        number(
            "停着的阶段 Stages down",
            "抓取不到的阶段数。Targets that cannot be scraped.",
            promql(selected("count(up{} == 0) or vector(0)"), "down"),
            "none",
            steps((1, RED)),
            (6, 4),
        ),
        number(
            "汇总距今 Age of the last round",
            "看板所示有多旧：上一轮工序状态被确认距今。"
            "How old what is shown is: since the last round was acknowledged.",
            promql(selected("time() - max(floorstream_aggregate_round_timestamp_seconds{})"), "age"),
            "s",
            steps((5, ORANGE), (30, RED)),
            (6, 4),
        ).decimals(1),
        number(
            "未折叠 Behind, track",
            "floor.scans 中尚未折叠的记录。Records of floor.scans not folded yet.",
            promql(selected("sum(floorstream_track_lag_records{})"), "lag"),
            "none",
            steps((5_000, ORANGE), (100_000, RED)),
            (6, 4),
        ),
        number(
            "账不平 Books that do not balance",
            "不为零即为程序错误。Anything but zero is a bug of ours.",
            promql(selected("sum(floorstream_aggregate_imbalances{})"), "imbalances"),
            "none",
            steps((1, RED)),
            (6, 4),
        ),
    ]


def _road() -> list[Panel]:
    return [
        curve(
            "吞吐 Throughput",
            "每秒：接收的采集、折叠的事件、写入的行、发布的状态。"
            "Per second: scans taken, events folded, rows written, states sent.",
            [
                promql(selected("sum(rate(floorstream_ingest_items_total{}[$__rate_interval]))"), "ingest", "A"),
                promql(selected("sum(rate(floorstream_track_events_total{}[$__rate_interval]))"), "track", "B"),
                promql(selected("sum(rate(floorstream_store_rows_total{}[$__rate_interval]))"), "store", "C"),
                promql(selected("sum(rate(floorstream_aggregate_states_total{}[$__rate_interval]))"), "aggregate", "D"),
            ],
            "cps",
            (12, 8),
            (("ingest", SKY), ("track", BLUE), ("store", GREEN), ("aggregate", ORANGE)),
        ),
        curve(
            "落后 Lag",
            "折叠落后的记录数（按分区），以及等待写库的行数。"
            "Records not folded yet per partition, and rows that wait to be written.",
            [
                promql(selected("sum by (partition) (floorstream_track_lag_records{})"), "track {{partition}}", "A"),
                promql(selected("sum(floorstream_store_waiting_rows{})"), "store", "B"),
            ],
            "none",
        ),
        curve(
            "拒绝 Refused",
            "每秒被拒绝的事件，按原因。Refused events per second by reason.",
            [
                promql(
                    'sum by (reason) (rate(floorstream_track_events_total{outcome="refused", '
                    + WHERE
                    + "}[$__rate_interval]))",
                    "track {{reason}}",
                    "A",
                ),
                promql(
                    'sum by (reason) (rate(floorstream_ingest_items_total{reason!="", '
                    + WHERE
                    + "}[$__rate_interval]))",
                    "ingest {{reason}}",
                    "B",
                ),
            ],
            "cps",
        ),
        curve(
            "各步用时 p95 Time per step, p95",
            "折叠一段、发布一轮、写一笔、等代理确认。"
            "Folding a cut, publishing a round, one transaction, the broker's ack.",
            [
                promql(P95.format("track_fold_seconds", WHERE), "fold", "A"),
                promql(P95.format("aggregate_round_seconds", WHERE), "round", "B"),
                promql(P95.format("store_flush_seconds", WHERE), "flush", "C"),
                promql(P95.format("broker_ack_seconds", WHERE), "ack", "D"),
            ],
            "s",
            (12, 8),
            (("fold", BLUE), ("round", ORANGE), ("flush", GREEN), ("ack", SKY)),
        ),
    ]


def _store_and_door() -> list[Panel]:
    return [
        curve(
            "未提交与未确认 Failures",
            "每秒：未提交的写库事务、未被代理确认的请求。"
            "Per second: transactions not committed, requests not acknowledged.",
            [
                promql(selected("sum(rate(floorstream_store_flush_failures_total{}[$__rate_interval]))"), "store", "A"),
                promql(selected("sum(rate(floorstream_broker_failures_total{}[$__rate_interval]))"), "ingest", "B"),
            ],
            "cps",
            (8, 8),
            (("store", ORANGE), ("ingest", PINK)),
        ),
        curve(
            "HTTP 请求 HTTP requests",
            "每秒请求数，按状态码。Requests per second by status.",
            [
                promql(
                    selected("sum by (status) (rate(floorstream_ingest_requests_total{}[$__rate_interval]))"),
                    "{{status}}",
                )
            ],
            "reqps",
            (8, 8),
        ),
        curve(
            "待发布 Waiting to be published",
            "等待发布的工序状态与部分和，及等得最久的时间。"
            "States and partials that wait, and how long the longest has waited.",
            [
                promql(selected("sum(floorstream_aggregate_unsent_states{})"), "states", "A"),
                promql(selected("sum(floorstream_track_unsent_partials{})"), "partials", "B"),
                promql(selected("max(floorstream_aggregate_unsent_seconds{})"), "seconds", "C"),
            ],
            "none",
            (8, 8),
            (("states", BLUE), ("partials", SKY), ("seconds", ORANGE)),
        ),
    ]


def _alerts() -> list[Panel]:
    return [
        curve(
            "现场报警 Alerts about the floor",
            "未结束的报警按状态；暂缓的为无人更新状态而不敢判断的。"
            "Alerts that are not normal, by state; held: not judged because nobody keeps the states up to date.",
            [
                promql(selected("sum by (state) (floorstream_alert_alerts{})"), "{{state}}", "A"),
                promql(selected("sum(floorstream_alert_held{})"), "held", "B"),
            ],
            "none",
            colours=(("held", RED),),
        ),
        curve(
            "报警判断迟了多久 Alerts judged late",
            "时间到期的判断晚了多久，第 95 百分位；每秒发布的报警版本。"
            "How late what time alone brings was judged, 95th percentile; versions of alerts published per second.",
            [
                promql(P95.format("alert_deadline_late_seconds", WHERE), "late", "A"),
                promql(selected("sum(rate(floorstream_alert_changes_total{}[$__rate_interval]))"), "changes/s", "B"),
            ],
            "s",
            colours=(("late", BLUE), ("changes/s", SKY)),
        ),
        curve(
            "通知 Notifications",
            "等待发送的通知数（按通道）与每秒未被接收的消息（按原因）。"
            "Notifications that wait per channel, and messages not taken per second by reason.",
            [
                promql(selected("sum by (channel) (floorstream_notify_waiting{})"), "waiting {{channel}}", "A"),
                promql(
                    selected("sum by (reason) (rate(floorstream_notify_failures_total{}[$__rate_interval]))"),
                    "{{reason}}",
                    "B",
                ),
            ],
            "none",
        ),
        curve(
            "通知用时 Time to tell",
            "从报警变化到对方应答，第 95 百分位；以及等得最久的。"
            "From an alert's change to the target's answer, 95th percentile; and the longest that waits.",
            [
                promql(P95.format("notify_seconds", WHERE), "p95", "A"),
                promql(selected("max(floorstream_notify_oldest_waiting_seconds{})"), "oldest", "B"),
            ],
            "s",
            colours=(("p95", BLUE), ("oldest", ORANGE)),
        ),
    ]
