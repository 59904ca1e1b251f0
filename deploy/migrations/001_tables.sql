-- The tables of floorstream: the same names on TimescaleDB (community and Apache edition) and on plain PostgreSQL >= 15.
--
-- raw_scans is the truth; visits, units and rejects are projections of it and carry the revision they stand at.
-- revision = (generation, revision): one life of the log, and the number of the unit's accepted events.
-- Durations are microseconds, instants timestamptz, quantities decimals.

-- Every record of floor.scans as it came. Nothing else is needed to compute everything else again.
--   headers   array of [name, value]: value is the text where it is UTF-8 without NUL, else {"base64": "..."}, else null
--   unit_id, event_id   read from the value as well as it can be read; null where it cannot
--   forwarded its unit belongs to another partition, where it was written again; no fold reads this copy
CREATE TABLE raw_scans (
    partition   integer     NOT NULL,
    "offset"    bigint      NOT NULL,
    recorded    timestamptz NOT NULL,
    generation  integer     NOT NULL,
    unit_id     text,
    event_id    text,
    source      text        NOT NULL,
    key         bytea,
    value       bytea,
    headers     jsonb,
    marker      boolean     NOT NULL DEFAULT false,
    forwarded   boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (recorded, partition, "offset", generation)
);
CREATE INDEX raw_scans_by_offset ON raw_scans (generation, partition, "offset");
CREATE INDEX raw_scans_by_unit ON raw_scans (unit_id, recorded);

-- One stay of one unit at one operation. Rows that vanished in a re-sorted history stay, marked deleted.
CREATE TABLE visits (
    unit_id       text        NOT NULL,
    visit_seq     integer     NOT NULL,
    generation    integer     NOT NULL,
    revision      bigint      NOT NULL,
    partition     integer     NOT NULL,
    visit_id      text        NOT NULL,
    operation_id  text        NOT NULL,
    work_unit_id  text,
    product_id    text,
    arrived       timestamptz NOT NULL,
    started       timestamptz,
    finished      timestamptz,
    departed      timestamptz,
    outcome       text        NOT NULL,
    flags         text[]      NOT NULL DEFAULT '{}',
    repeats       integer     NOT NULL DEFAULT 0,
    runs          integer     NOT NULL DEFAULT 0,
    dwell_us      bigint,
    queue_us      bigint,
    process_us    bigint,
    wait_us       bigint,
    hold_us       bigint,
    quantity      numeric     NOT NULL,
    position      integer,
    phase         text        NOT NULL,
    held          boolean     NOT NULL DEFAULT false,
    model         integer     NOT NULL,
    deleted       boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (unit_id, visit_seq)
) WITH (fillfactor = 80);
CREATE INDEX visits_open ON visits (operation_id, arrived) WHERE departed IS NULL AND NOT deleted;
CREATE INDEX visits_departed ON visits (operation_id, departed) WHERE NOT deleted;
CREATE INDEX visits_by_id ON visits (visit_id);

CREATE TABLE units (
    unit_id       text    NOT NULL PRIMARY KEY,
    generation    integer NOT NULL,
    revision      bigint  NOT NULL,
    partition     integer NOT NULL,
    status        text    NOT NULL,
    operation_id  text    NOT NULL DEFAULT '',
    phase         text    NOT NULL DEFAULT '',
    visits        integer NOT NULL,
    strays        integer NOT NULL,
    quantity      numeric NOT NULL,
    product_id    text,
    events        bigint  NOT NULL,
    deleted       boolean NOT NULL DEFAULT false
) WITH (fillfactor = 80);

-- Refused events with their original bytes. (partition, offset) are the first coordinates; -1 and an id for HTTP.
CREATE TABLE rejects (
    partition   integer     NOT NULL,
    "offset"    bigint      NOT NULL,
    recorded    timestamptz NOT NULL,
    generation  integer     NOT NULL,
    reason      text        NOT NULL,
    detail      jsonb       NOT NULL,
    source      text        NOT NULL,
    unit_id     text,
    event_id    text,
    key         bytea,
    value       bytea,
    origin      text        NOT NULL,
    id          text        NOT NULL DEFAULT '',
    PRIMARY KEY (recorded, partition, "offset", id)
);
CREATE INDEX rejects_by_reason ON rejects (reason, recorded);

-- Where the sink goes on, in the same transaction as the rows.
--   position  next record of the topic to read      mark  source offset up to which rows are complete (floor.visits)
--   epoch     raised by each new owner of the partition; a flush under a lower one is refused
CREATE TABLE sink_positions (
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    generation  integer NOT NULL,
    position    bigint  NOT NULL,
    mark        bigint  NOT NULL DEFAULT -1,
    epoch       bigint  NOT NULL,
    PRIMARY KEY (topic, partition, generation)
) WITH (fillfactor = 50);

-- Operation state once a second at most: as_of is the whole second, observed the exact instant of the state kept for it.
CREATE TABLE operation_samples (
    as_of         timestamptz NOT NULL,
    operation_id  text        NOT NULL,
    observed      timestamptz NOT NULL,
    wip           integer     NOT NULL,
    queued        integer     NOT NULL,
    running       integer     NOT NULL,
    finished      integer     NOT NULL,
    held          integer     NOT NULL,
    quantity      numeric     NOT NULL,
    value         numeric     NOT NULL,
    arrivals      bigint      NOT NULL,
    departures    bigint      NOT NULL,
    completed     bigint      NOT NULL,
    scrapped      bigint      NOT NULL,
    rework        bigint      NOT NULL,
    dwell_p50_us  bigint,
    dwell_p85_us  bigint,
    dwell_p95_us  bigint,
    PRIMARY KEY (as_of, operation_id)
);
CREATE INDEX operation_samples_latest ON operation_samples (operation_id, as_of DESC);

CREATE TABLE machine_events (
    event_time    timestamptz NOT NULL,
    work_unit_id  text        NOT NULL,
    recorded      timestamptz NOT NULL,
    partition     integer     NOT NULL,
    "offset"      bigint      NOT NULL,
    generation    integer     NOT NULL,
    source        text        NOT NULL,
    state         text,
    counter       jsonb,
    value         bytea,
    PRIMARY KEY (event_time, partition, "offset", generation)
);
CREATE INDEX machine_events_by_work_unit ON machine_events (work_unit_id, event_time);

CREATE TABLE plant_models (
    version     integer     NOT NULL PRIMARY KEY,
    created     timestamptz NOT NULL,
    created_by  text        NOT NULL,
    model       jsonb       NOT NULL
);

-- Keys of sources; only a hash of the secret is kept.
CREATE TABLE api_keys (
    id       text        NOT NULL PRIMARY KEY,
    source   text        NOT NULL,
    hash     bytea       NOT NULL,
    created  timestamptz NOT NULL,
    expires  timestamptz,
    revoked  timestamptz
);
