-- Accounts have a second factor, and what is done to them and by them is on record.

-- +goose Up

-- The secret of a second factor is sealed; the codes that recover an account are hashes of
-- 32 bytes each. factor_step is the time step of the last code that was accepted, and
-- factor_failures are the wrong ones, the last at
-- factor_failed_at.
ALTER TABLE users ADD COLUMN factor_secret bytea NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN factor_active boolean NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN factor_step bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN factor_failures bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN factor_failed_at bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN recovery_codes bytea NOT NULL DEFAULT '' CHECK (length(recovery_codes) % 32 = 0);

CREATE INDEX users_by_role ON users (role, email);

-- Each entry has the hash of the one before it in its own.
CREATE TABLE audit (
    number  bigint NOT NULL PRIMARY KEY,
    at      bigint NOT NULL,
    actor   uuid   NOT NULL,
    action  text   NOT NULL,
    subject text   NOT NULL,
    detail  text   NOT NULL,
    address text   NOT NULL,
    hash    bytea  NOT NULL CHECK (length(hash) = 32)
);

-- The one row is the number and the hash of the last entry, so that none is missed at the
-- end, and what those wait for who append one.
CREATE TABLE audit_head (
    one    smallint NOT NULL PRIMARY KEY CHECK (one = 1),
    number bigint   NOT NULL,
    hash   bytea    NOT NULL CHECK (length(hash) = 32)
);

INSERT INTO audit_head (one, number, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

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
