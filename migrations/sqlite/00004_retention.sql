-- Old orders and movements may be deleted. What goes with an order is found by the
-- order: its lines and the key that placed it by their keys, and the keys of its
-- shipments and returns, of which there are few, by an index of their own.

-- +goose Up

CREATE INDEX idempotency_keys_by_order ON idempotency_keys (subject_id) WHERE kind IN (6, 7);

-- Orders that were last changed before purged_before may have been deleted.
ALTER TABLE projection ADD COLUMN purged_before INTEGER NOT NULL DEFAULT 0;

-- +goose Down
-- The time before which old orders may have been deleted: until it is known again, an
-- import of old orders may bring back those that were.

ALTER TABLE projection DROP COLUMN purged_before;

DROP INDEX idempotency_keys_by_order;
