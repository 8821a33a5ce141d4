-- Sessions can be listed and ended, and an account's access tokens end with a change of
-- its role.

-- +goose Up

-- version is raised by everything that ends the access tokens which name an older one,
-- and changed_at is when it was; zero when it never was.
ALTER TABLE users ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN changed_at bigint NOT NULL DEFAULT 0;

CREATE INDEX users_by_change ON users (changed_at) WHERE changed_at > 0;

-- Only the refresh token of the generation is good. ended_at is zero while a session
-- was not ended; expires_at is the least of ends_at and idle_max after used_at.
CREATE TABLE sessions (
    id         uuid    NOT NULL PRIMARY KEY,
    user_id    uuid    NOT NULL REFERENCES users (id),
    generation bigint  NOT NULL CHECK (generation > 0),
    strong     boolean NOT NULL,
    created_at bigint  NOT NULL,
    used_at    bigint  NOT NULL,
    ends_at    bigint  NOT NULL,
    ended_at   bigint  NOT NULL,
    idle_max   bigint  NOT NULL CHECK (idle_max > 0),
    expires_at bigint  NOT NULL,
    address    text    NOT NULL,
    agent      text    NOT NULL
);

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
