-- Sessions can be listed and ended, and an account's access tokens end with a change of
-- its role.

-- +goose Up

-- version is raised by everything that ends the access tokens which name an older one,
-- and changed_at is when it was; zero when it never was.
ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX users_by_change ON users (changed_at) WHERE changed_at > 0;

-- Only the refresh token of the generation is good. ended_at is zero while a session
-- was not ended; expires_at is the least of ends_at and idle_max after used_at.
CREATE TABLE sessions (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id    BLOB    NOT NULL REFERENCES users (id),
    generation INTEGER NOT NULL CHECK (generation > 0),
    strong     INTEGER NOT NULL CHECK (strong IN (0, 1)),
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    idle_max   INTEGER NOT NULL CHECK (idle_max > 0),
    expires_at INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, used_at) WHERE ended_at = 0;
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at > 0;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- +goose Down
-- All sessions: everybody has to log in again. Access tokens that were ended are good
-- again until they expire.

DROP TABLE sessions;
DROP INDEX users_by_change;
ALTER TABLE users DROP COLUMN changed_at;
ALTER TABLE users DROP COLUMN version;
