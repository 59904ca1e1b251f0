-- Lives of the log. A rebuild writes the stored raw records into empty topics and begins the next generation.
-- One row per partition that was filled: its records came from generation `source`, and `filled` is the offset behind
-- the last one. Until the store has written them again (sink_positions.position >= filled), `source` is the truth there.
--   filled null: the topics are being emptied and filled just now, or that was interrupted
CREATE TABLE generations (
    generation  integer     NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    source      integer     NOT NULL,
    filled      bigint,
    begun       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation, topic, partition)
);

CREATE OR REPLACE VIEW current_generation AS
SELECT GREATEST(1, (SELECT max(generation) FROM sink_positions),
                (SELECT max(generation) FROM generations WHERE filled IS NOT NULL)) AS generation;
