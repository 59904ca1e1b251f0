-- Where each subscriber to visits goes on in floor.visits: moved only after its receiver has taken what came before.
-- `mark`: the offset in floor.scans up to which it has been told. `owner`: the process that tells; another one's writes
-- change nothing. `missed`: records that the log had deleted before the receiver took them.
CREATE TABLE visits_told (
    subscriber text    NOT NULL,
    generation integer NOT NULL,
    partition  integer NOT NULL,
    position   bigint  NOT NULL,
    mark       bigint  NOT NULL,
    missed     bigint  NOT NULL DEFAULT 0,
    owner      uuid    NOT NULL,
    PRIMARY KEY (subscriber, generation, partition)
) WITH (fillfactor = 50);
