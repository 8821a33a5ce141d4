-- Units paid for so far, for the tickers: those of every order that was confirmed
-- and not cancelled, shipped and returned ones included.

-- +goose Up

ALTER TABLE stock ADD COLUMN sold INTEGER NOT NULL DEFAULT 0 CHECK (sold >= 0);

UPDATE stock SET sold = coalesce((SELECT sum(i.quantity) FROM order_items i JOIN orders o ON o.id = i.order_id
    WHERE i.product_id = stock.product_id AND o.state IN (2, 5, 6, 7, 8)), 0);

-- +goose Down
-- Nothing: the units paid for so far are counted again when this is applied again.

ALTER TABLE stock DROP COLUMN sold;
