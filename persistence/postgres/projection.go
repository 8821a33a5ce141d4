package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/inventory"
	"holdfast/persistence"
)

// uncertainMax is how long Project asks after a COMMIT that got no answer.
const uncertainMax = 10 * time.Second

const (
	selectPosition = "SELECT journal, epoch, sequence, hash FROM projection"
	// lockPosition waits for a transaction that moves the position.
	lockPosition = selectPosition + " FOR UPDATE"
	movePosition = `UPDATE projection SET journal = $1, epoch = $2, sequence = $3, hash = $4
		WHERE journal = $5 AND epoch = $6 AND sequence = $7 AND hash = $8`
	selectStock = `SELECT p.id, coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.committed, 0), coalesce(s.sold, 0),
		coalesce(s.version, 0) FROM products p LEFT JOIN stock s ON s.product_id = p.id WHERE p.id = ANY($1)`
	selectStates = "SELECT id, customer_id, state, expires_at, extended, refund_due FROM orders WHERE id = ANY($1)"
)

// Position returns where the projection stands. After a COMMIT of which it is not known
// what became, that is where it is sure to stay: see settledPosition.
func (s *Store) Position(ctx context.Context) (position persistence.Position, err error) {
	switch {
	case !s.unsettled.Load():
		err = s.one(ctx, func(row pgx.Row) error { return scanPosition(row, &position) }, selectPosition)
	case s.settling.TryLock(): // those who read meanwhile must not take the projection's connections
		defer s.settling.Unlock()
		position, err = s.settledPosition(ctx)
	default:
		err = errUncertain
	}
	if err != nil {
		return persistence.Position{}, fmt.Errorf("read the projection's position: %w", err)
	}
	return position, nil
}

func scanPosition(row pgx.Row, position *persistence.Position) error {
	return row.Scan((*[16]byte)(&position.Journal), &position.Epoch, &position.Sequence, (*[16]byte)(&position.Hash))
}

// Project applies the run (from, to] and moves the position, or changes nothing. After
// a COMMIT that got no answer it asks what became of it: only if that is not answered
// either does an error leave open whether the run was applied.
func (s *Store) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	run, err := persistence.NewRun(from, to, records)
	if err != nil {
		return err
	}
	err = transact(ctx, s.projectors, func(t *transaction) error {
		err := (&projecting{t}).project(run)
		if isConstraint(err) {
			return fmt.Errorf("%w: the records do not continue what is stored, or cannot be stored: %w", persistence.ErrCorrupt, err)
		}
		return err
	})
	if errors.Is(err, errUncertain) {
		err = s.resolve(ctx, run, err)
	}
	if err != nil {
		return fmt.Errorf("project records %d to %d: %w", from.Sequence+1, to.Sequence, err)
	}
	return nil
}

// resolve finds out whether a run was applied whose COMMIT got no answer. The caller's
// context may have ended: the answer is wanted all the same.
func (s *Store) resolve(ctx context.Context, run *persistence.Run, uncertain error) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), uncertainMax)
	defer cancel()
	position, err := s.settledPosition(limited)
	switch {
	case err != nil:
		return errors.Join(uncertain, fmt.Errorf("ask what became of it: %w", err))
	case position == run.To:
		return nil
	case position == run.From:
		return fmt.Errorf("it was not: %w", uncertain)
	}
	return fmt.Errorf("%w: it stands at %s: %w", persistence.ErrPositionMoved, position, uncertain)
}

// settledPosition returns the position after every transaction that may be moving it, and
// when that is as safe as what is reported: the lock is a change too, which is committed
// after what it saw. So a standby that must have the one has the other.
func (s *Store) settledPosition(ctx context.Context) (position persistence.Position, err error) {
	s.unsettled.Store(true)
	err = transact(ctx, s.projectors, func(t *transaction) error {
		return t.send(func(batch *pgx.Batch) {
			batch.Queue(lockPosition).QueryRow(func(row pgx.Row) error { return scanPosition(row, &position) })
		})
	})
	if err != nil {
		return persistence.Position{}, err
	}
	s.unsettled.Store(false)
	return position, nil
}

// projecting is the work of one transaction.
type projecting struct{ *transaction }

func (p *projecting) project(run *persistence.Run) error {
	p.patient = true
	stocks, orders, err := p.open(run)
	if err != nil {
		return err
	}
	changes, err := run.Fold(stocks, orders)
	if err != nil {
		return err
	}
	return p.write(run, changes)
}

// open moves the position and loads what the run names. Moving comes first, so that
// nothing is read before this transaction is known to be the one that continues the
// projection.
func (p *projecting) open(run *persistence.Run) (map[inventory.ID]inventory.Stock, map[inventory.ID]inventory.Order, error) {
	stocks := make(map[inventory.ID]inventory.Stock, len(run.Products))
	orders := make(map[inventory.ID]inventory.Order, len(run.Orders))
	from, to := &run.From, &run.To
	err := p.send(func(batch *pgx.Batch) {
		batch.Queue(movePosition,
			[16]byte(to.Journal), int64(to.Epoch), int64(to.Sequence), [16]byte(to.Hash),
			[16]byte(from.Journal), int64(from.Epoch), int64(from.Sequence), [16]byte(from.Hash),
		).Exec(func(tag pgconn.CommandTag) error { return oneRow(tag, persistence.ErrPositionMoved) })
		if len(run.Products) > 0 {
			batch.Queue(selectStock, uuids(run.Products)).Query(func(rows pgx.Rows) error { return loadStocks(rows, stocks) })
		}
		if len(run.Orders) > 0 {
			batch.Queue(selectStates, uuids(run.Orders)).Query(func(rows pgx.Rows) error { return loadOrders(rows, orders) })
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("move the position and load stock and orders: %w", err)
	}
	return stocks, orders, nil
}

func loadStocks(rows pgx.Rows, stocks map[inventory.ID]inventory.Stock) error {
	for rows.Next() {
		var id inventory.ID
		var stock inventory.Stock
		if err := rows.Scan((*[16]byte)(&id), &stock.OnHand, &stock.Reserved, &stock.Committed, &stock.Sold, &stock.Version); err != nil {
			return err
		}
		stocks[id] = stock
	}
	return rows.Err()
}

func loadOrders(rows pgx.Rows, orders map[inventory.ID]inventory.Order) error {
	for rows.Next() {
		var order inventory.Order
		if err := rows.Scan((*[16]byte)(&order.ID), (*[16]byte)(&order.Customer), &order.State, &order.ExpiresAt,
			&order.Extended, &order.RefundDue); err != nil {
			return err
		}
		orders[order.ID] = order
	}
	return rows.Err()
}

// uuids returns IDs as the driver knows them.
func uuids(ids []inventory.ID) [][16]byte {
	converted := make([][16]byte, len(ids))
	for i := range ids {
		converted[i] = ids[i]
	}
	return converted
}

// oneRow returns missing unless a statement changed a row.
func oneRow(tag pgconn.CommandTag, missing error) error {
	if tag.RowsAffected() == 0 {
		return missing
	}
	return nil
}
