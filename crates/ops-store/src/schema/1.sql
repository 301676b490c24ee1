-- The chain. Rows are only ever added; the triggers guard against mistakes, the hashes against
-- people.
CREATE TABLE records (
    seq        INTEGER PRIMARY KEY,
    deployment INTEGER,
    boot       TEXT    NOT NULL,
    ms         INTEGER NOT NULL,
    wall       TEXT    NOT NULL,
    v          INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    previous   TEXT    NOT NULL,
    hash       TEXT    NOT NULL
) STRICT;

CREATE INDEX records_by_deployment ON records (deployment);

CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON records
BEGIN
    SELECT RAISE(ABORT, 'a record of the journal is never changed');
END;

CREATE TRIGGER records_are_not_deleted BEFORE DELETE ON records
BEGIN
    SELECT RAISE(ABORT, 'a record of the journal is never deleted');
END;

-- What lists show of a deployment.
CREATE TABLE deployments (
    id      INTEGER PRIMARY KEY,
    ended   INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    updated TEXT    NOT NULL
) STRICT;

CREATE INDEX deployments_open ON deployments (id) WHERE ended = 0;

-- Lock groups that somebody holds. The end is kept as boot, start and length in milliseconds.
CREATE TABLE leases (
    lock_group TEXT    PRIMARY KEY,
    holder     TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    boot       TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    length     INTEGER NOT NULL
) STRICT;

-- One row: the head of the chain, the number of the next deployment, the highest generation ever
-- given.
CREATE TABLE meta (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    head_seq        INTEGER NOT NULL,
    head_hash       TEXT    NOT NULL,
    next_deployment INTEGER NOT NULL,
    generation      INTEGER NOT NULL
) STRICT;
