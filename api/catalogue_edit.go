package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/actors"
	"holdfast/inventory"
	"holdfast/persistence"
)

// A change of a product is two steps: its row in the database, and its rules in the engine.
// Edits of a product follow one another, so that the engine's rules are those of the last
// row. When it is not known whether the first step was done, when somebody else has done it,
// or when the second one was refused, the row is read again until the engine has it.

const (
	// settlePauseMin is the pause before a row is read again, which doubles up to
	// settlePauseMax.
	settlePauseMin = 50 * time.Millisecond
	settlePauseMax = 5 * time.Second
	// settlingMax bounds the products that are being settled; one more is refused before it
	// is changed.
	settlingMax = 1024
)

// errNotRead marks that an edit has ended before it has changed anything.
var errNotRead = errors.New("nothing was changed")

// inForceLater is the error of an edit that the engine has not taken over yet.
type inForceLater struct{ refusal inventory.Refusal }

func (e inForceLater) Error() string {
	return fmt.Sprintf("the engine did not take over the rules of a product: %s", e.refusal.Code)
}

// enter waits until nobody edits the product. The caller calls leave.
func (c *catalogue) enter(ctx context.Context, id inventory.ID) error {
	for {
		c.mutex.Lock()
		busy := c.editing[id]
		if busy == nil {
			c.editing[id] = make(chan struct{})
			c.mutex.Unlock()
			return nil
		}
		c.mutex.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *catalogue) leave(id inventory.ID) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	close(c.editing[id])
	delete(c.editing, id)
}

// edit changes the row of a product, deleted or not, at the moment of the entry, which is
// appended to the record with it, and puts it in force. The error is
// [persistence.ErrNotFound], [persistence.ErrVersion] when another process was faster,
// [persistence.ErrExists] when the SKU is taken, errNotRead, an inForceLater, or it is not
// known whether the row was changed.
func (c *catalogue) edit(ctx context.Context, engine actors.Facade, id inventory.ID, entry persistence.AuditEntry,
	edit productEdit) (row persistence.CatalogueProduct, refused *problem, err error) {
	if err := c.enter(ctx, id); err != nil {
		return row, nil, fmt.Errorf("%w: %w", errNotRead, err)
	}
	defer c.leave(id)
	if !c.hasRoom(id) {
		return row, nil, fmt.Errorf("%w: %d products are not settled yet", errNotRead, settlingMax)
	}
	if row, err = c.store.AnyProductByID(ctx, id); err != nil {
		if !errors.Is(err, persistence.ErrNotFound) {
			err = fmt.Errorf("%w: %w", errNotRead, err)
		}
		return row, nil, err
	}
	changed, refused := edit(&row)
	switch {
	case refused != nil:
		return row, refused, nil
	case changed:
		row.Version++
		row.UpdatedAt = max(entry.At, row.UpdatedAt)
		err = c.store.UpdateProduct(ctx, row, entry)
		c.forget(ctx, id)
	case !c.isSettling(id):
		return row, nil, nil
	}
	if errors.Is(err, persistence.ErrNotFound) || errors.Is(err, persistence.ErrExists) {
		return row, nil, err
	}
	if err == nil {
		if refusal := putInForce(engine, &row); refusal.Refused() {
			err = inForceLater{refusal}
		}
	}
	if err != nil {
		c.settle(engine, id)
	}
	return row, nil, err
}

// putInForce gives the engine the rules of a row, or all of a product that it does not have
// because it was not opened when it was made. Who opens it at the same time may have had
// older ones.
func putInForce(engine actors.Facade, row *persistence.CatalogueProduct) inventory.Refusal {
	refusal := engine.SetProduct(row.Product)
	if refusal.Code != inventory.CodeNotFound {
		return refusal
	}
	if refusal = engine.AddProduct(*row); refusal.Refused() {
		return refusal
	}
	return engine.SetProduct(row.Product)
}

// hasRoom reports whether one more product may have to be settled.
func (c *catalogue) hasRoom(id inventory.ID) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.settling[id] || len(c.settling) < settlingMax
}

func (c *catalogue) isSettling(id inventory.ID) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.settling[id]
}

// settle reads a row until the engine has it.
func (c *catalogue) settle(engine actors.Facade, id inventory.ID) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.settling[id] {
		return
	}
	c.settling[id] = true
	c.settlers.Go(func() {
		pause, woken := settlePauseMin, make(chan struct{}, 1)
		timer := c.clock.AfterFunc(pause, func() { woken <- struct{}{} })
		defer timer.Stop()
		for {
			select {
			case <-c.living.Done():
				return
			case <-woken:
			}
			if c.trySettle(engine, id) {
				return
			}
			pause = min(2*pause, settlePauseMax)
			timer.Reset(pause)
		}
	})
}

// trySettle reports whether the engine has the row.
func (c *catalogue) trySettle(engine actors.Facade, id inventory.ID) bool {
	if c.enter(c.living, id) != nil {
		return false
	}
	defer c.leave(id)
	ctx, cancel := context.WithTimeout(c.living, storeTimeout)
	defer cancel()
	row, err := c.store.AnyProductByID(ctx, id)
	if err != nil {
		return false
	}
	c.forget(ctx, id)
	if putInForce(engine, &row).Refused() {
		return false
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.settling, id)
	return true
}
