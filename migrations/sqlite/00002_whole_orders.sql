-- Orders of many lines through their whole life: shipping, returns, extended
-- holds, orders that were placed or released in part, late payments, and a limit
-- per customer.
--
-- SQLite cannot widen a CHECK, so four tables are made anew and filled from the
-- old ones, in the order of their keys. The file needs about twice its space on
-- the disk while that lasts. A table that others refer to is replaced under a new
-- name, so that no row ever refers to one that is being dropped; renaming it
-- renames the references too.

-- +goose Up

-- Units that one customer may hold and buy from the start of the sale on; 0 is no
-- limit.
ALTER TABLE products ADD COLUMN purchase_limit INTEGER NOT NULL DEFAULT 0 CHECK (purchase_limit >= 0);

-- state: 1 reserved, 2 confirmed, 3 cancelled, 4 expired, 5 partially_fulfilled,
-- 6 fulfilled, 7 partially_returned, 8 returned. extended says that the hold was
-- extended, which happens once; expires_at is its end then. refund_due is money
-- that came after the order had ended, in minor units; 0 is none.
CREATE TABLE orders_new (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    customer_id     BLOB    NOT NULL CHECK (length(customer_id) = 16),
    state           INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),
    currency        TEXT    NOT NULL CHECK (length(currency) = 3),
    placed_at       INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    key_fingerprint BLOB    NOT NULL CHECK (length(key_fingerprint) = 16),
    body            BLOB    NOT NULL CHECK (length(body) = 16),
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    extended        INTEGER NOT NULL DEFAULT 0 CHECK (extended IN (0, 1)),
    refund_due      INTEGER NOT NULL DEFAULT 0 CHECK (refund_due >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO orders_new (id, customer_id, state, currency, placed_at, expires_at, updated_at, key_fingerprint, body, sequence)
SELECT id, customer_id, state, currency, placed_at, expires_at, updated_at, key_fingerprint, body, sequence
FROM orders ORDER BY id;

-- quantity is the units that the line has: those that were asked for without the
-- dropped, which were not placed because of dropped_for, and without the released,
-- which were given back. dropped_for: 1 insufficient_stock, 2 sold_out, 3 all_held,
-- 4 quantity_limit_customer, 5 sale_not_started, 6 sale_ended, 7 paused,
-- 8 not_found. stock_version is the product's after the order was placed; 0 if
-- nothing of the line was. Nearly all lines are inserted with all counts zero: the
-- check of the counts looks for that first, because it is done for every row.
CREATE TABLE order_items_new (
    order_id      BLOB    NOT NULL REFERENCES orders_new (id) DEFERRABLE INITIALLY DEFERRED,
    product_id    BLOB    NOT NULL REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED,
    quantity      INTEGER NOT NULL CHECK (quantity >= 0),
    price_minor   INTEGER NOT NULL CHECK (price_minor >= 0),
    sku           TEXT    NOT NULL,
    stock_version INTEGER NOT NULL CHECK (stock_version >= 0),
    dropped       INTEGER NOT NULL DEFAULT 0,
    dropped_for   INTEGER NOT NULL DEFAULT 0,
    released      INTEGER NOT NULL DEFAULT 0,
    shipped       INTEGER NOT NULL DEFAULT 0,
    returned      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, product_id),
    CHECK ((dropped | dropped_for | released | shipped | returned) = 0
        OR dropped >= 0 AND dropped_for BETWEEN 0 AND 8 AND released >= 0
        AND shipped BETWEEN 0 AND quantity AND returned BETWEEN 0 AND shipped)
) STRICT, WITHOUT ROWID;

INSERT INTO order_items_new (order_id, product_id, quantity, price_minor, sku, stock_version)
SELECT order_id, product_id, quantity, price_minor, sku, stock_version
FROM order_items ORDER BY order_id, product_id;

DROP TABLE order_items;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
ALTER TABLE order_items_new RENAME TO order_items;

CREATE INDEX orders_by_customer ON orders (customer_id, id);
-- It finds the open orders too: those of state 1.
CREATE INDEX orders_by_state ON orders (state, id);
CREATE INDEX order_items_by_product ON order_items (product_id, order_id);

-- kind: 1 order_placed, 2 order_confirmed, 3 order_cancelled, 4 order_expired,
-- 5 stock_adjusted, 6 order_fulfilled, 7 order_returned, 9 order_reduced. Kinds
-- 8 and 10 move no stock.
CREATE TABLE stock_movements_new (
    product_id      BLOB    NOT NULL REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED,
    stock_version   INTEGER NOT NULL CHECK (stock_version > 0),
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7 OR kind = 9),
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

INSERT INTO stock_movements_new (product_id, stock_version, sequence, kind, order_id, delta_on_hand, delta_reserved,
    delta_committed, on_hand, reserved, committed, by_id, reason, note, at)
SELECT product_id, stock_version, sequence, kind, order_id, delta_on_hand, delta_reserved,
    delta_committed, on_hand, reserved, committed, by_id, reason, note, at
FROM stock_movements ORDER BY product_id, stock_version;

DROP TABLE stock_movements;
ALTER TABLE stock_movements_new RENAME TO stock_movements;

-- subject_id is the order of kinds 1, 6 and 7 and the product of kind 5. Keys are
-- deleted some time after they were used and their order was settled, by walking
-- through them in the order of the keys: there is no index by time.
CREATE TABLE idempotency_keys_new (
    key        BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 16),
    body       BLOB    NOT NULL CHECK (length(body) = 16),
    kind       INTEGER NOT NULL CHECK (kind = 1 OR kind BETWEEN 5 AND 7),
    subject_id BLOB    NOT NULL CHECK (length(subject_id) = 16),
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO idempotency_keys_new (key, body, kind, subject_id, at)
SELECT key, body, kind, subject_id, at FROM idempotency_keys ORDER BY key;

DROP TABLE idempotency_keys;
ALTER TABLE idempotency_keys_new RENAME TO idempotency_keys;
