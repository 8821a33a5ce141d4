package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
	"holdfast/persistence"
)

const selectMovements = `SELECT product_id, stock_version, sequence, kind,
	coalesce(order_id, '00000000-0000-0000-0000-000000000000'),
	delta_on_hand, delta_reserved, delta_committed, on_hand, reserved, committed, by_id, reason, note, at
	FROM stock_movements WHERE product_id = $1 AND stock_version < $2 ORDER BY stock_version DESC LIMIT $3`

// Movements reads the ledger of a product, newest first.
func (s *Store) Movements(ctx context.Context, filter persistence.MovementFilter) ([]persistence.Movement, error) {
	below := int64(math.MaxInt64)
	if filter.Before > 0 {
		below = int64(filter.Before)
	}
	var movements []persistence.Movement
	err := s.each(ctx, func(row pgx.Row) error {
		movements = append(movements, persistence.Movement{})
		return scanMovement(row, &movements[len(movements)-1])
	}, selectMovements, [16]byte(filter.Product), below, max(filter.Limit, 0))
	if err != nil {
		return nil, fmt.Errorf("list movements of product %s: %w", filter.Product, err)
	}
	return movements, nil
}

func scanMovement(row pgx.Row, m *persistence.Movement) error {
	var delta inventory.Stock
	err := row.Scan((*[16]byte)(&m.ProductID), &m.After.Version, &m.Sequence, &m.Kind, (*[16]byte)(&m.Order),
		&delta.OnHand, &delta.Reserved, &delta.Committed, &m.After.OnHand, &m.After.Reserved, &m.After.Committed,
		(*[16]byte)(&m.By), &m.Reason, &m.Note, &m.At)
	m.Before = inventory.Stock{OnHand: m.After.OnHand - delta.OnHand, Reserved: m.After.Reserved - delta.Reserved,
		Committed: m.After.Committed - delta.Committed, Version: m.After.Version - 1}
	return err
}

// selectStockAt adds up the movements of until a moment, from what there was before the
// oldest that is kept: the moments of what was imported do not ascend with the versions.
const selectStockAt = `SELECT coalesce((SELECT stock_version FROM stock_movements WHERE product_id = $1 ORDER BY stock_version LIMIT 1), 0),
	coalesce((SELECT at FROM stock_movements WHERE product_id = $1 ORDER BY stock_version LIMIT 1), 0),
	coalesce(max(CASE WHEN at <= $2 THEN stock_version END), 0),
	coalesce((SELECT on_hand - delta_on_hand FROM stock_movements WHERE product_id = $1 ORDER BY stock_version LIMIT 1), 0)
		+ coalesce(sum(CASE WHEN at <= $2 THEN delta_on_hand END), 0)::bigint,
	coalesce((SELECT reserved - delta_reserved FROM stock_movements WHERE product_id = $1 ORDER BY stock_version LIMIT 1), 0)
		+ coalesce(sum(CASE WHEN at <= $2 THEN delta_reserved END), 0)::bigint,
	coalesce((SELECT committed - delta_committed FROM stock_movements WHERE product_id = $1 ORDER BY stock_version LIMIT 1), 0)
		+ coalesce(sum(CASE WHEN at <= $2 THEN delta_committed END), 0)::bigint
	FROM stock_movements WHERE product_id = $1`

// StockAt adds up the ledger of a product.
func (s *Store) StockAt(ctx context.Context, product inventory.ID, at inventory.Instant) (stock inventory.Stock, err error) {
	var oldest uint64
	var kept inventory.Instant
	err = s.one(ctx, func(row pgx.Row) error {
		return row.Scan(&oldest, &kept, &stock.Version, &stock.OnHand, &stock.Reserved, &stock.Committed)
	}, selectStockAt, [16]byte(product), int64(at))
	if err == nil && oldest > 1 && at < kept {
		err = persistence.ErrNotFound
	}
	if err != nil {
		return inventory.Stock{}, fmt.Errorf("add up the movements of product %s: %w", product, err)
	}
	return stock, nil
}
