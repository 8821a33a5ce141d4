package actors

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"holdfast/inventory"
)

// receiveOpenings issues the receipts of products whose creation was cut off
// between the catalogue and the journal.
func (r *recovery) receiveOpenings() error {
	var missing []*productActor
	r.engine.shelf.each(func(_ inventory.ID, p *productActor) bool {
		if p.board.read().Version > 0 {
			p.opening.Store(0)
		} else if p.opening.Load() > 0 {
			missing = append(missing, p)
		}
		return true
	})
	var next, waiting atomic.Int64
	var workers errgroup.Group
	for range min(openingsParallel, len(missing)) {
		workers.Go(func() error {
			for n := next.Add(1); n <= int64(len(missing)); n = next.Add(1) {
				received, err := r.receiveMissing(missing[n-1])
				if err != nil {
					return err
				}
				if !received {
					waiting.Add(1)
				}
			}
			return nil
		})
	}
	err := workers.Wait()
	if len(missing) > 0 {
		r.engine.log.Info("issued opening receipts that were missing", "products", len(missing), "wait_for_space_on_the_disk", waiting.Load())
	}
	return err
}

// receiveMissing issues one receipt. Without space on the disk it comes with the
// product's first adjustment, or at the next start.
func (r *recovery) receiveMissing(p *productActor) (received bool, err error) {
	for r.ctx.Err() == nil {
		switch refusal := r.engine.receiveOpening(p); {
		case !refusal.Refused():
			return true, nil
		case refusal.Code == inventory.CodeStorageFull:
			return false, nil
		case refusal.Code != inventory.CodeOverloaded:
			return false, fmt.Errorf("receive the opening stock of product %s: %w", p.rules.Load().ID, refusal)
		}
		// The journal is behind: there is room again when it has written what it has.
		if err := r.engine.waitAppended(r.ctx); err != nil {
			return false, fmt.Errorf("receive the opening stock of product %s: %w", p.rules.Load().ID, err)
		}
	}
	return false, r.ctx.Err()
}
