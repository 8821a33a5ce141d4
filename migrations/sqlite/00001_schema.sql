-- Identifiers are 16 bytes, instants are nanoseconds since 1970 UTC, money is
-- integer minor units beside a currency. Tables are STRICT, so that a value of
-- another type is refused, and clustered by their key where they have one.
--
-- users, api_keys and products are the truth of accounts and catalogue. The
-- other tables are the projection of the journal: only a projection writes them,
-- in the transaction that moves the row of table projection. Their foreign keys
-- are checked at its end, which is cheaper in bulk.

-- +goose Up

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('customer', 'service', 'admin')),
    password_hash TEXT    NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL CHECK (role IN ('customer', 'service', 'admin')),
    hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sku            TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    category       TEXT    NOT NULL,
    price_minor    INTEGER NOT NULL CHECK (price_minor >= 0),
    currency       TEXT    NOT NULL CHECK (length(currency) = 3),
    -- The sale is [sale_starts_at, sale_ends_at); zero is open.
    sale_starts_at INTEGER NOT NULL,
    sale_ends_at   INTEGER NOT NULL,
    hold_seconds   INTEGER NOT NULL CHECK (hold_seconds > 0),
    safety         INTEGER NOT NULL CHECK (safety >= 0),
    paused         INTEGER NOT NULL CHECK (paused IN (0, 1)),
    deleted        INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    opening_stock  INTEGER NOT NULL CHECK (opening_stock >= 0),
    version        INTEGER NOT NULL CHECK (version > 0),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX products_by_category ON products (category, id) WHERE deleted = 0;

-- state: 1 reserved, 2 confirmed, 3 cancelled, 4 expired. customer_id is an
-- account of users or, for a machine, of api_keys, so it has no foreign key.
-- sequence and updated_at are those of the order's last record.
CREATE TABLE orders (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    customer_id     BLOB    NOT NULL CHECK (length(customer_id) = 16),
    state           INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    currency        TEXT    NOT NULL CHECK (length(currency) = 3),
    placed_at       INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    key_fingerprint BLOB    NOT NULL CHECK (length(key_fingerprint) = 16),
    body            BLOB    NOT NULL CHECK (length(body) = 16),
    sequence        INTEGER NOT NULL CHECK (sequence > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_by_customer ON orders (customer_id, id);
-- It finds the open orders too: those of state 1.
CREATE INDEX orders_by_state ON orders (state, id);

-- price_minor and sku are the product's at the time of the order; stock_version
-- is the product's after the order was placed.
CREATE TABLE order_items (
    order_id      BLOB    NOT NULL REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED,
    product_id    BLOB    NOT NULL REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED,
    quantity      INTEGER NOT NULL CHECK (quantity > 0),
    price_minor   INTEGER NOT NULL CHECK (price_minor >= 0),
    sku           TEXT    NOT NULL,
    stock_version INTEGER NOT NULL CHECK (stock_version > 0),
    PRIMARY KEY (order_id, product_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_items_by_product ON order_items (product_id, order_id);

CREATE TABLE stock (
    product_id BLOB    NOT NULL PRIMARY KEY REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED,
    on_hand    INTEGER NOT NULL CHECK (on_hand >= 0),
    reserved   INTEGER NOT NULL CHECK (reserved >= 0),
    committed  INTEGER NOT NULL CHECK (committed >= 0),
    version    INTEGER NOT NULL CHECK (version > 0),
    CHECK (reserved + committed <= on_hand)
) STRICT, WITHOUT ROWID;

-- The ledger: one row for each record and product that it moved. The quantities
-- are those after the movement, delta_… is what it changed; before is their
-- difference. kind: 1 order_placed, 2 order_confirmed, 3 order_cancelled,
-- 4 order_expired, 5 stock_adjusted. The key makes a second insert of the same
-- movement impossible.
CREATE TABLE stock_movements (
    product_id      BLOB    NOT NULL REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED,
    stock_version   INTEGER NOT NULL CHECK (stock_version > 0),
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    order_id        BLOB             CHECK (length(order_id) = 16),
    delta_on_hand   INTEGER NOT NULL,
    delta_reserved  INTEGER NOT NULL,
    delta_committed INTEGER NOT NULL,
    on_hand         INTEGER NOT NULL,
    reserved        INTEGER NOT NULL,
    committed       INTEGER NOT NULL,
    by_id           BLOB    NOT NULL CHECK (length(by_id) = 16),
    reason          TEXT    NOT NULL,
    note            TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (product_id, stock_version)
) STRICT, WITHOUT ROWID;

-- kind and subject_id say what the key was used for: 1 and the order, or 5 and
-- the product. A use after the key's retention replaces the row. Only a start
-- asks for the keys of a time, and reads them all: an index for it would cost
-- every order an insert at a random place.
CREATE TABLE idempotency_keys (
    key        BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    body       BLOB    NOT NULL CHECK (length(body) = 16),
    kind       INTEGER NOT NULL CHECK (kind IN (1, 5)),
    subject_id BLOB    NOT NULL CHECK (length(subject_id) = 16),
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The one row says up to where the journal has been projected; zeros before the
-- first projection.
CREATE TABLE projection (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    journal  BLOB    NOT NULL CHECK (length(journal) = 16),
    epoch    INTEGER NOT NULL CHECK (epoch >= 0),
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    hash     BLOB    NOT NULL CHECK (length(hash) = 16)
) STRICT;

INSERT INTO projection (one, journal, epoch, sequence, hash) VALUES (1, zeroblob(16), 0, 0, zeroblob(16));
