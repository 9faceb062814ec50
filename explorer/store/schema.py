"""The tables of the store, version by version.

A file of an older version is upgraded when it is opened. A file of a newer version is refused.
"""

VERSION = 7

# The statements that each version adds to the version before; a new file gets all of them.
SCHEMA = {
    1: """
CREATE TABLE results (
    key     TEXT PRIMARY KEY,  -- the recipe's key
    kind    TEXT NOT NULL,     -- the recipe's kind, network and layer, to search by
    network TEXT NOT NULL,
    layer   TEXT NOT NULL,
    recipe  TEXT NOT NULL,     -- JSON
    created TEXT NOT NULL,     -- ISO 8601, UTC
    seconds REAL NOT NULL      -- what it took
) STRICT;
CREATE TABLE pictures (
    key   TEXT NOT NULL REFERENCES results (key) ON DELETE CASCADE,
    part  INTEGER NOT NULL,    -- which picture of the result: for neurons the unit
    image BLOB NOT NULL,       -- an encoded picture, PNG or WebP
    facts TEXT NOT NULL,       -- JSON: what was measured of it
    PRIMARY KEY (key, part)
) STRICT, WITHOUT ROWID;
""",
    2: """
CREATE TABLE inputs (
    fingerprint TEXT PRIMARY KEY,  -- of the pixels, as core.images.image_io takes it
    image       BLOB NOT NULL      -- PNG
) STRICT;
CREATE TABLE checkpoints (
    weights TEXT PRIMARY KEY,      -- fingerprint of the weights
    network TEXT NOT NULL,
    path    TEXT NOT NULL          -- where the file lay when it was last used
) STRICT;
CREATE TABLE jobs (
    key     TEXT PRIMARY KEY,      -- the recipe's key: an equal recipe is the same job
    kind    TEXT NOT NULL,
    network TEXT NOT NULL,
    layer   TEXT NOT NULL,
    recipe  TEXT NOT NULL,         -- JSON
    state   TEXT NOT NULL CHECK
            (state IN ('open', 'done', 'cancelled', 'failed', 'interrupted')),
    rank    INTEGER NOT NULL,      -- smaller comes first
    visitor TEXT NOT NULL,         -- in whose turns it is worked on
    message TEXT NOT NULL,         -- why it failed or stopped
    queued  REAL NOT NULL,         -- when it was last asked for; times are seconds since 1970
    ended   REAL,
    spent   REAL NOT NULL,         -- seconds that workers gave to it since it was queued
    title   TEXT NOT NULL,         -- a name that somebody gave it
    starred INTEGER NOT NULL,
    deleted REAL                   -- when it went into the bin
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, rank, queued);
CREATE TABLE parts (
    job      TEXT NOT NULL REFERENCES jobs (key) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    result   TEXT NOT NULL,        -- key of the part's own recipe, and of its result
    done     INTEGER NOT NULL,
    todo     INTEGER NOT NULL,     -- whether it was still to be done when the job was queued
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX parts_by_result ON parts (result, done);
CREATE TABLE claims (
    result TEXT PRIMARY KEY,       -- what is being worked on
    job    TEXT NOT NULL,
    worker TEXT NOT NULL,
    since  REAL NOT NULL,
    done   INTEGER NOT NULL,       -- as core.progress counts
    total  INTEGER NOT NULL
) STRICT;
CREATE TABLE sketches (
    result TEXT NOT NULL,          -- unfinished pictures of a part, as far as they came
    part   INTEGER NOT NULL,
    image  BLOB NOT NULL,
    PRIMARY KEY (result, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE watchers (
    job     TEXT NOT NULL REFERENCES jobs (key) ON DELETE CASCADE,
    visitor TEXT NOT NULL,
    seen    REAL NOT NULL,         -- when the visitor last looked
    PRIMARY KEY (job, visitor)
) STRICT, WITHOUT ROWID;
CREATE TABLE turns (
    visitor TEXT PRIMARY KEY,
    served  REAL NOT NULL          -- when a worker last began something for the visitor
) STRICT;
""",
    3: """
-- When a visitor sent it; null for what always stays.
ALTER TABLE inputs ADD COLUMN sent REAL;
""",
    4: """
-- JSON: how costs fell so far; empty where they are not told.
ALTER TABLE sketches ADD COLUMN course TEXT NOT NULL DEFAULT '';
""",
    5: """
-- Who may change it on a server that several people use: the identifier of a visitor, or ''.
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE TABLE checkpoint_owners (
    network TEXT PRIMARY KEY,      -- name of the checkpoint's network, such as resnet18:birds
    owner   TEXT NOT NULL          -- identifier of the visitor who added it
) STRICT;
""",
    6: """
-- When the visitor opened what shows the job, in seconds since 1970.
ALTER TABLE watchers ADD COLUMN looked REAL NOT NULL DEFAULT 0;
-- Who stopped it on purpose: the identifier of a visitor, or 'everybody', or ''.
ALTER TABLE jobs ADD COLUMN stopped_by TEXT NOT NULL DEFAULT '';
""",
    7: """
-- What it is called: the name of an uploaded file without its ending, or the title of a sample.
ALTER TABLE inputs ADD COLUMN title TEXT NOT NULL DEFAULT '';
""",
}
