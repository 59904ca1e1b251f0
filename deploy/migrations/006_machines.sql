-- Machines as floor.work_units tells them: what each is doing, every change of it, and its times per shift.
-- (generation, "offset", as_of) is the position of the state that a row comes from; the greatest is the newest.

-- The newest state of each work unit. changes: [[since in µs, condition], …], the last ones, oldest first.
CREATE TABLE work_units (
    work_unit_id  text        NOT NULL PRIMARY KEY,
    generation    integer     NOT NULL,
    partition     integer     NOT NULL,
    "offset"      bigint      NOT NULL,
    as_of         timestamptz NOT NULL,
    model         integer     NOT NULL,
    state         text,
    condition     text,
    since         timestamptz,
    newest_event  timestamptz NOT NULL,
    good          bigint,
    reject        bigint,
    resets        bigint      NOT NULL DEFAULT 0,
    late          bigint      NOT NULL DEFAULT 0,
    changes       jsonb       NOT NULL DEFAULT '[]',
    shifts        jsonb       NOT NULL DEFAULT '[]'
) WITH (fillfactor = 50);

-- Every uninterrupted condition of a machine; the last one of each has no end yet. Late events may rewrite the newest.
CREATE TABLE machine_states (
    since         timestamptz NOT NULL,
    work_unit_id  text        NOT NULL,
    condition     text        NOT NULL,
    until         timestamptz,
    duration_us   bigint,
    PRIMARY KEY (since, work_unit_id)
);
CREATE INDEX machine_states_by_work_unit ON machine_states (work_unit_id, since DESC);

-- Times per shift, up to as_of or the end of the shift: they add up to what has passed of it.
CREATE TABLE machine_shifts (
    work_unit_id  text        NOT NULL,
    begins        timestamptz NOT NULL,
    ends          timestamptz NOT NULL,
    plant_date    date        NOT NULL,
    shift_id      text        NOT NULL,
    as_of         timestamptz NOT NULL,
    running_us    bigint      NOT NULL,
    starved_us    bigint      NOT NULL,
    blocked_us    bigint      NOT NULL,
    down_us       bigint      NOT NULL,
    off_us        bigint      NOT NULL,
    unknown_us    bigint      NOT NULL,
    PRIMARY KEY (work_unit_id, begins)
) WITH (fillfactor = 80);
CREATE INDEX machine_shifts_by_date ON machine_shifts (plant_date, shift_id);

-- Instants and lengths in µs, as the messages have them, without a detour through floating point.
CREATE FUNCTION instant_of(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
AS $$ SELECT timestamptz 'epoch' + us / 1000000 * interval '1 second' + us % 1000000 * interval '1 microsecond' $$;
CREATE FUNCTION us_between(begins timestamptz, ends timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT (extract(epoch FROM ends - begins) * 1000000)::bigint $$;

-- WIP by counters beside that of the scans; null where no machine counts the operation.
ALTER TABLE operation_samples ADD COLUMN counted_wip bigint;
ALTER TABLE operation_samples ADD COLUMN counted_in bigint;
ALTER TABLE operation_samples ADD COLUMN counted_out bigint;

DO $timescale$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('machine_states', 'since', chunk_time_interval => interval '7 days',
                                  if_not_exists => true);
    END IF;
END
$timescale$;
