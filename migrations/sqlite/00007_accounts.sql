-- Accounts have a second factor, and what is done to them and by them is on record.

-- +goose Up

-- The secret of a second factor is sealed; the codes that recover an account are hashes of
-- 32 bytes each. factor_step is the time step of the last code that was accepted, and
-- factor_failures are the wrong ones, the last at
-- factor_failed_at.
ALTER TABLE users ADD COLUMN factor_secret BLOB NOT NULL DEFAULT x'';
ALTER TABLE users ADD COLUMN factor_active INTEGER NOT NULL DEFAULT 0 CHECK (factor_active IN (0, 1));
ALTER TABLE users ADD COLUMN factor_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN factor_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN factor_failed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN recovery_codes BLOB NOT NULL DEFAULT x'' CHECK (length(recovery_codes) % 32 = 0);

CREATE INDEX users_by_role ON users (role, email);

-- Each entry has the hash of the one before it in its own.
CREATE TABLE audit (
    number  INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   BLOB    NOT NULL CHECK (length(actor) = 16),
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    address TEXT    NOT NULL,
    hash    BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The one row is the number and the hash of the last entry, so that none is missed at the
-- end.
CREATE TABLE audit_head (
    one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    hash   BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

INSERT INTO audit_head (one, number, hash) VALUES (1, 0, zeroblob(32));

-- +goose Down
-- All second factors, with which staff cannot log in any more until they have set up others, and the record of what was done.

DROP TABLE audit_head;
DROP TABLE audit;
DROP INDEX users_by_role;
ALTER TABLE users DROP COLUMN recovery_codes;
ALTER TABLE users DROP COLUMN factor_failed_at;
ALTER TABLE users DROP COLUMN factor_failures;
ALTER TABLE users DROP COLUMN factor_step;
ALTER TABLE users DROP COLUMN factor_active;
ALTER TABLE users DROP COLUMN factor_secret;
