-- name: tables
CREATE TABLE lanes (
    lane INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, kind)
) STRICT;
-- id = lane << 40 | number in the lane, without gaps: a lane lies together, and its length is known without counting
CREATE TABLE queue (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    clock INTEGER,
    wall INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    steady INTEGER NOT NULL
) STRICT;
CREATE TABLE notes (
    collector TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (collector, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    event_id TEXT,
    reason TEXT NOT NULL,
    en TEXT NOT NULL,
    zh TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- name: lanes
SELECT lane, source, kind, sent, refused FROM lanes ORDER BY lane;

-- name: add_lane
INSERT INTO lanes (source, kind) VALUES (?, ?) RETURNING lane;

-- name: ends
SELECT
    (SELECT id FROM queue WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1),
    (SELECT id FROM queue WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1);

-- name: add
INSERT INTO queue (id, body, clock, wall, boot, steady) VALUES (?, ?, ?, ?, ?, ?);

-- name: head
SELECT id, body, clock, wall, boot, steady FROM queue WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?;

-- name: any
SELECT 1 FROM queue LIMIT 1;

-- name: oldest
SELECT wall FROM queue WHERE id = ?;

-- name: remove
DELETE FROM queue WHERE id BETWEEN ? AND ?;

-- name: count
UPDATE lanes SET sent = sent + ?, refused = refused + ? WHERE lane = ?;

-- name: refuse
INSERT INTO refused (at, source, kind, event_id, reason, en, zh, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: forget_refused
DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?;

-- name: refused
SELECT at, source, kind, event_id, reason, en, zh, body FROM refused ORDER BY id DESC LIMIT ?;

-- name: refused_reasons
SELECT source, reason, count(*) FROM refused GROUP BY source, reason ORDER BY source, reason;

-- name: note
SELECT value FROM notes WHERE collector = ? AND key = ?;

-- name: notes
SELECT key, value FROM notes WHERE collector = ? AND key >= ? ORDER BY key;

-- name: write_note
INSERT INTO notes (collector, key, value) VALUES (?, ?, ?)
ON CONFLICT (collector, key) DO UPDATE SET value = excluded.value;

-- name: forget_note
DELETE FROM notes WHERE collector = ? AND key = ?;
