package blackbox

import (
	"fmt"
	"sync"
	"time"
)

// outcome is what the answers to an order's requests say, and nothing else does.
type outcome string

const (
	// sent: the answer is not known. acknowledged: 201. refused: a 4xx.
	sent         outcome = "sent"
	acknowledged outcome = "acknowledged"
	refused      outcome = "refused"
)

// The states of an order.
const (
	statusReserved  = "reserved"
	statusConfirmed = "confirmed"
	statusCancelled = "cancelled"
	statusExpired   = "expired"
)

// attempt is one key and what became of it.
type attempt struct {
	key      string
	customer int
	product  *product
	// quantity is that of the body that is sent; rival that of another body that is
	// sent with the same key, 0 for none.
	quantity, rival int64

	// mutex guards what follows: buyers and readers meet here.
	mutex   sync.Mutex
	outcome outcome
	// order, status, expires and units are what was shown of the order, the last
	// time; order is empty while nothing was. What was shown is durable.
	order, status string
	expires       time.Time
	units         int64
	// made counts the answers that say that they made the order.
	made int
	// confirms and cancels count the requests that may have changed the order since
	// it was looked at in peace.
	confirms, cancels int
}

// shown returns what was shown of the order; nothing while it was not.
func (a *attempt) shown() (order, status string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.order, a.status
}

// body returns the quantity that the key stands for, as far as is known.
func (a *attempt) body() int64 {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.units != 0 {
		return a.units
	}
	return a.quantity
}

// otherBody makes up the quantity of another body.
func (a *attempt) otherBody() int64 { return a.body() + 10 }

// leadsTo reports whether an order in one state can be in the other one later.
func leadsTo(from, to string) bool {
	switch from {
	case to, "", statusReserved:
		return true
	case statusConfirmed:
		return to == statusCancelled
	}
	return false
}

// observe notes what the server shows of the order and says what is wrong with it.
// before is the state that had been shown when the question was put: what is shown
// now must be that state, or one that something has led to since.
func (a *attempt) observe(before string, kept *order) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.judgeIdentity(kept); err != nil {
		return err
	}
	if err := a.judgeStatus(before, kept); err != nil {
		return err
	}
	switch {
	case a.order == "":
		a.order, a.expires, a.units, a.status = kept.ID, kept.ExpiresAt, kept.Items[0].Quantity, kept.Status
	case leadsTo(a.status, kept.Status):
		a.status = kept.Status
	case !leadsTo(kept.Status, a.status):
		return fmt.Errorf("order %s was shown as %s and as %s", a.order, a.status, kept.Status)
	}
	a.product.show(kept.Items[0].StockVersion)
	return nil
}

// judgeIdentity requires the order that the key stands for, with the lines of the
// body that made it and the hold of its product.
func (a *attempt) judgeIdentity(kept *order) error {
	switch {
	case a.order != "" && kept.ID != a.order:
		return fmt.Errorf("SECOND: key %s stands for order %s and for order %s", a.key, a.order, kept.ID)
	case len(kept.Items) != 1 || kept.Items[0].ProductID != a.product.id:
		return fmt.Errorf("order %s has other lines than were sent: %v", kept.ID, kept.Items)
	case a.order != "" && kept.Items[0].Quantity != a.units, a.order == "" && !a.asksFor(kept.Items[0].Quantity):
		return fmt.Errorf("order %s is for %d units; the key was sent with %d (or %d), and was shown with %d",
			kept.ID, kept.Items[0].Quantity, a.quantity, a.rival, a.units)
	case kept.ExpiresAt.Sub(kept.PlacedAt) != a.product.hold, a.order != "" && !kept.ExpiresAt.Equal(a.expires):
		return fmt.Errorf("order %s was placed at %s with a hold of %s and ends at %s, not at %s",
			kept.ID, kept.PlacedAt, a.product.hold, kept.ExpiresAt, a.expires)
	}
	return nil
}

func (a *attempt) asksFor(quantity int64) bool {
	return quantity == a.quantity || a.rival != 0 && quantity == a.rival
}

// judgeStatus requires a reason for every state: somebody asked for it, or the hold
// was over.
func (a *attempt) judgeStatus(before string, kept *order) error {
	switch {
	case !leadsTo(before, kept.Status):
		return fmt.Errorf("LOST: order %s was %s and is %s", kept.ID, before, kept.Status)
	case kept.Status == before:
	case kept.Status == statusConfirmed && a.confirms == 0, kept.Status == statusCancelled && a.cancels == 0:
		return fmt.Errorf("order %s was %s and is %s, which nobody asked for", kept.ID, before, kept.Status)
	case kept.Status == statusConfirmed && kept.UpdatedAt.After(kept.ExpiresAt):
		return fmt.Errorf("order %s was confirmed at %s, after its hold had ended at %s", kept.ID, kept.UpdatedAt, kept.ExpiresAt)
	case kept.Status == statusExpired && kept.ServerTime.Before(kept.ExpiresAt):
		return fmt.Errorf("order %s has expired at %s, before its hold ends at %s", kept.ID, kept.ServerTime, kept.ExpiresAt)
	}
	return nil
}

// settle notes that no request is under way that could change the order: from now
// on it is what it was shown as.
func (a *attempt) settle() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.confirms, a.cancels = 0, 0
}
