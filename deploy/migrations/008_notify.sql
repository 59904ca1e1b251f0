-- Who is to be told of an alert, and who has been: the outbox of notify.

-- One row per alert, version and recipient (`channel`, or `channel|member`): a record read again asks for the same rows.
CREATE TABLE notifications (
    generation   integer     NOT NULL,
    alert_id     text        NOT NULL,
    recipient    text        NOT NULL,
    version      integer     NOT NULL,
    incident     integer     NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('firing', 'still_active', 'resolved')),
    channel      text        NOT NULL,
    member       text        NOT NULL,
    language     text        NOT NULL,
    mentions     text[]      NOT NULL,
    priority     smallint    NOT NULL,
    at           timestamptz NOT NULL,
    content      jsonb       NOT NULL,
    state        text        NOT NULL
                 CHECK (state IN ('waiting', 'sent', 'collapsed', 'no_channel', 'nobody', 'refused', 'given_up')),
    due          timestamptz NOT NULL DEFAULT now(),
    attempts     integer     NOT NULL DEFAULT 0,
    repeats      integer     NOT NULL DEFAULT 0,
    begun        boolean     NOT NULL DEFAULT false,
    perhaps      boolean     NOT NULL DEFAULT false,
    digest       uuid,
    lease        uuid,
    lease_until  timestamptz,
    reason       text,
    created      timestamptz NOT NULL DEFAULT now(),
    finished     timestamptz,
    PRIMARY KEY (generation, alert_id, recipient, version)
) WITH (fillfactor = 80);
CREATE INDEX notifications_waiting ON notifications (channel, recipient) WHERE state = 'waiting';
CREATE INDEX notifications_leased ON notifications (lease) WHERE lease IS NOT NULL;
CREATE INDEX notifications_finished ON notifications (finished) WHERE finished IS NOT NULL;
COMMENT ON COLUMN notifications.begun IS 'an attempt was begun and nothing is known of its end yet';
COMMENT ON COLUMN notifications.perhaps IS 'an attempt without a known end: the recipient may have it already';
COMMENT ON COLUMN notifications.repeats IS 'attempts that may have told the recipient once more';

-- Every message that was begun: what rates and budgets are counted from, over restarts and for several notifiers.
CREATE TABLE notify_attempts (
    attempt       uuid        NOT NULL PRIMARY KEY,
    channel       text        NOT NULL,
    recipient     text        NOT NULL,
    notifications integer     NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    outcome       text
);
CREATE INDEX notify_attempts_by_channel ON notify_attempts (channel, at);
CREATE INDEX notify_attempts_by_recipient ON notify_attempts (recipient, at);

-- The breaker of each channel's target: failures in a row, and when it may be asked again.
CREATE TABLE notify_channels (
    channel    text        NOT NULL PRIMARY KEY,
    failures   integer     NOT NULL DEFAULT 0,
    not_before timestamptz,
    stuck      boolean     NOT NULL DEFAULT false,
    reason     text,
    succeeded  timestamptz
);

-- Where floor.alerts goes on, in one transaction with the rows up to there; `epoch`: the highest one seen.
CREATE TABLE notify_positions (
    partition  integer NOT NULL,
    generation integer NOT NULL,
    position   bigint  NOT NULL,
    epoch      bigint  NOT NULL,
    PRIMARY KEY (generation, partition)
);
