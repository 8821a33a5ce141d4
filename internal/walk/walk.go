// Package walk goes through something large a piece at a time, for ever: a table of which
// old rows are deleted, without a search through all of it. Only a piece that succeeded
// moves the walk on, so nothing is passed over; a piece may see what another one saw.
package walk

import "sync"

// Walk remembers where it goes on. The zero value begins at the zero Place.
type Walk[Place any] struct {
	lock sync.Mutex
	at   Place
}

// Step does the next piece, and returns how much was done. The piece gets the place where
// the one before has ended, and returns where it has ended itself. After an error the next
// Step is at the same place again; of two at once both may be.
func (w *Walk[Place]) Step(piece func(from Place) (done int, next Place, err error)) (int, error) {
	w.lock.Lock()
	from := w.at
	w.lock.Unlock()
	done, next, err := piece(from)
	if err != nil {
		return 0, err
	}
	w.lock.Lock()
	w.at = next
	w.lock.Unlock()
	return done, nil
}
