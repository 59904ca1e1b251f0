-- Alerts as floor.alerts tells them, who did what about them, and who was told.
-- `epoch` is that of the writer: a record of a lower epoch than the partition has seen is passed over.

-- The newest version of each alert.
CREATE TABLE alerts (
    alert_id         text        NOT NULL PRIMARY KEY,
    epoch            bigint      NOT NULL,
    incident         integer     NOT NULL,
    version          integer     NOT NULL,
    change           text        NOT NULL,
    state            text        NOT NULL,
    notify           boolean     NOT NULL,
    rule_id          text        NOT NULL,
    measure          text        NOT NULL,
    subject_kind     text        NOT NULL,
    subject_id       text        NOT NULL,
    priority         text        NOT NULL,
    limit_value      bigint      NOT NULL,
    value            bigint,
    at               timestamptz NOT NULL,
    since            timestamptz,
    raised           timestamptz,
    acknowledged     timestamptz,
    acknowledged_by  text,
    returned         timestamptz,
    ended            text,
    shelved_until    timestamptz,
    shelved_by       text,
    shelve_reason    text,
    muted            boolean     NOT NULL DEFAULT false,
    history          boolean     NOT NULL DEFAULT false,
    units            jsonb       NOT NULL DEFAULT '[]',
    units_over       integer,
    model            integer     NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX alerts_not_normal ON alerts (priority, raised) WHERE state <> 'normal';

-- Every version of every alert.
CREATE TABLE alert_changes (
    LIKE alerts INCLUDING DEFAULTS,
    PRIMARY KEY (at, alert_id, version)
);
CREATE INDEX alert_changes_by_alert ON alert_changes (alert_id, version);

-- The audit of who did what, in the order of the log; nothing is ever changed here.
CREATE TABLE alert_actions (
    partition   integer     NOT NULL,
    "offset"    bigint      NOT NULL,
    action_id   text        NOT NULL,
    alert_id    text        NOT NULL,
    incident    integer     NOT NULL,
    action      text        NOT NULL,
    "by"        text        NOT NULL,
    via         text        NOT NULL,
    at          timestamptz NOT NULL,
    until       timestamptz,
    reason      text,
    generation  integer     NOT NULL,
    PRIMARY KEY (generation, partition, "offset")
);
CREATE INDEX alert_actions_by_alert ON alert_actions (alert_id, at);

DO $timescale$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('alert_changes', 'at', chunk_time_interval => interval '7 days',
                                  if_not_exists => true);
    END IF;
END
$timescale$;
