-- EPCIS capture jobs, kept for 30 days so that who sent a document can ask what became of it, after a restart too.
-- `errors` holds the refusals in every language; the events themselves are in the log, found by their ids.
CREATE TABLE epcis_captures (
    capture_id  text        NOT NULL PRIMARY KEY,
    created     timestamptz NOT NULL,
    finished    timestamptz NOT NULL,
    source      text        NOT NULL,
    behaviour   text        NOT NULL CHECK (behaviour IN ('rollback', 'proceed')),
    accepted    integer     NOT NULL,
    rejected    integer     NOT NULL,
    rolled_back integer     NOT NULL,
    errors      json        NOT NULL
);
CREATE INDEX epcis_captures_newest ON epcis_captures (created DESC, capture_id DESC);
