-- Identifiers, fingerprints and hashes of 16 bytes are uuid, which is stored in 16
-- bytes and compared byte by byte. Instants are nanoseconds since 1970 UTC, money is
-- integer minor units beside a currency. Text that is looked up or sorted has
-- collation C: bytes are bytes, whatever the language of the database.
--
-- users, api_keys and products are the truth of accounts and catalogue. The other
-- tables are the projection of the journal: only what holds the lock of the row of
-- table projection writes them.
--
-- The projection has no foreign keys. Each would cost a look-up for every row, about
-- as much as inserting it. The fold refuses a record whose product is not in the
-- catalogue or whose order was never placed, and no row of either is ever deleted.

-- +goose Up

CREATE TABLE users (
    id            uuid    NOT NULL PRIMARY KEY,
    email         text    COLLATE "C" NOT NULL UNIQUE,
    name          text    NOT NULL,
    role          text    NOT NULL CHECK (role IN ('customer', 'service', 'admin')),
    password_hash text    NOT NULL,
    disabled      boolean NOT NULL,
    created_at    bigint  NOT NULL
);

CREATE TABLE api_keys (
    id         uuid   NOT NULL PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL UNIQUE,
    role       text   NOT NULL CHECK (role IN ('customer', 'service', 'admin')),
    hash       bytea  NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at bigint NOT NULL
);

CREATE TABLE products (
    id             uuid    NOT NULL PRIMARY KEY,
    sku            text    COLLATE "C" NOT NULL UNIQUE,
    name           text    NOT NULL,
    description    text    NOT NULL,
    category       text    COLLATE "C" NOT NULL,
    price_minor    bigint  NOT NULL CHECK (price_minor >= 0),
    currency       text    NOT NULL CHECK (length(currency) = 3),
    -- The sale is [sale_starts_at, sale_ends_at); zero is open.
    sale_starts_at bigint  NOT NULL,
    sale_ends_at   bigint  NOT NULL,
    hold_seconds   bigint  NOT NULL CHECK (hold_seconds > 0),
    safety         bigint  NOT NULL CHECK (safety >= 0),
    -- Units that one customer may hold and buy from the start of the sale on; 0 is no
    -- limit.
    purchase_limit bigint  NOT NULL CHECK (purchase_limit >= 0),
    paused         boolean NOT NULL,
    deleted        boolean NOT NULL,
    opening_stock  bigint  NOT NULL CHECK (opening_stock >= 0),
    version        bigint  NOT NULL CHECK (version > 0),
    created_at     bigint  NOT NULL,
    updated_at     bigint  NOT NULL
);

CREATE INDEX products_by_category ON products (category, id) WHERE NOT deleted;

-- state: 1 reserved, 2 confirmed, 3 cancelled, 4 expired, 5 partially_fulfilled,
-- 6 fulfilled, 7 partially_returned, 8 returned. customer_id is an account of users
-- or, for a machine, of api_keys. sequence and updated_at are those of the order's
-- last record. extended says that the hold was extended, which happens once;
-- expires_at is its end then. refund_due is money that came after the order had
-- ended, in minor units; 0 is none.
CREATE TABLE orders (
    id              uuid     NOT NULL PRIMARY KEY,
    customer_id     uuid     NOT NULL,
    state           smallint NOT NULL CHECK (state BETWEEN 1 AND 8),
    extended        boolean  NOT NULL,
    currency        text     NOT NULL CHECK (length(currency) = 3),
    placed_at       bigint   NOT NULL,
    expires_at      bigint   NOT NULL,
    updated_at      bigint   NOT NULL,
    sequence        bigint   NOT NULL CHECK (sequence > 0),
    refund_due      bigint   NOT NULL CHECK (refund_due >= 0),
    key_fingerprint uuid     NOT NULL,
    body            uuid     NOT NULL
);

CREATE INDEX orders_by_customer ON orders (customer_id, id);
-- It finds the open orders too: those of state 1.
CREATE INDEX orders_by_state ON orders (state, id);

-- price_minor and sku are the product's at the time of the order; stock_version is
-- the product's after the order was placed, 0 if nothing of the line was. quantity is
-- the units that the line has: those that were asked for without the dropped, which
-- were not placed because of dropped_for, and without the released, which were given
-- back. dropped_for: 1 insufficient_stock, 2 sold_out, 3 all_held,
-- 4 quantity_limit_customer, 5 sale_not_started, 6 sale_ended, 7 paused, 8 not_found.
CREATE TABLE order_items (
    order_id      uuid     NOT NULL,
    product_id    uuid     NOT NULL,
    quantity      bigint   NOT NULL CHECK (quantity >= 0),
    price_minor   bigint   NOT NULL CHECK (price_minor >= 0),
    stock_version bigint   NOT NULL CHECK (stock_version >= 0),
    dropped       integer  NOT NULL,
    released      integer  NOT NULL,
    shipped       integer  NOT NULL,
    returned      integer  NOT NULL,
    dropped_for   smallint NOT NULL,
    sku           text     NOT NULL,
    PRIMARY KEY (order_id, product_id),
    CHECK (dropped >= 0 AND dropped_for BETWEEN 0 AND 8 AND released >= 0
        AND shipped BETWEEN 0 AND quantity AND returned BETWEEN 0 AND shipped)
);

CREATE INDEX order_items_by_product ON order_items (product_id, order_id);

-- sold is units paid for so far, for the tickers: those of every order that was
-- confirmed and not cancelled, shipped and returned ones included. Half of each page
-- is left free: a row that changes again and again finds its next place beside it.
CREATE TABLE stock (
    product_id uuid   NOT NULL PRIMARY KEY,
    on_hand    bigint NOT NULL CHECK (on_hand >= 0),
    reserved   bigint NOT NULL CHECK (reserved >= 0),
    committed  bigint NOT NULL CHECK (committed >= 0),
    sold       bigint NOT NULL CHECK (sold >= 0),
    version    bigint NOT NULL CHECK (version > 0),
    CHECK (reserved + committed <= on_hand)
) WITH (fillfactor = 50);

-- The ledger: one row for each record and product that it moved. The quantities are
-- those after the movement, delta_… is what it changed; before is their difference.
-- kind: 1 order_placed, 2 order_confirmed, 3 order_cancelled, 4 order_expired,
-- 5 stock_adjusted, 6 order_fulfilled, 7 order_returned, 9 order_reduced. Kinds 8 and
-- 10 move no stock. The key makes a second insert of the same movement impossible.
CREATE TABLE stock_movements (
    product_id      uuid     NOT NULL,
    stock_version   bigint   NOT NULL CHECK (stock_version > 0),
    sequence        bigint   NOT NULL CHECK (sequence > 0),
    at              bigint   NOT NULL,
    delta_on_hand   bigint   NOT NULL,
    delta_reserved  bigint   NOT NULL,
    delta_committed bigint   NOT NULL,
    on_hand         bigint   NOT NULL,
    reserved        bigint   NOT NULL,
    committed       bigint   NOT NULL,
    order_id        uuid,
    by_id           uuid     NOT NULL,
    kind            smallint NOT NULL CHECK (kind BETWEEN 1 AND 7 OR kind = 9),
    reason          text     NOT NULL,
    note            text     NOT NULL,
    PRIMARY KEY (product_id, stock_version)
);

-- kind and subject_id say what the key was used for: kinds 1, 6 and 7 and the order,
-- or 5 and the product. A use after the key's retention replaces the row. Keys are
-- deleted some time after they were used and their order was settled, by walking
-- through them in the order of the keys: there is no index by time.
CREATE TABLE idempotency_keys (
    key        uuid     NOT NULL PRIMARY KEY,
    body       uuid     NOT NULL,
    subject_id uuid     NOT NULL,
    at         bigint   NOT NULL,
    kind       smallint NOT NULL CHECK (kind = 1 OR kind BETWEEN 5 AND 7)
);

-- The one row says up to where the journal has been projected; zeros before the
-- first projection.
CREATE TABLE projection (
    one      smallint NOT NULL PRIMARY KEY CHECK (one = 1),
    journal  uuid     NOT NULL,
    epoch    bigint   NOT NULL CHECK (epoch >= 0),
    sequence bigint   NOT NULL CHECK (sequence >= 0),
    hash     uuid     NOT NULL
);

INSERT INTO projection (one, journal, epoch, sequence, hash)
VALUES (1, '00000000-0000-0000-0000-000000000000', 0, 0, '00000000-0000-0000-0000-000000000000');
