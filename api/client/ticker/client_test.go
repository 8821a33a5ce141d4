package ticker

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// Who subscribes is told the product whole, and then each change of it.
func TestAProductIsShown(t *testing.T) {
	s := newServer(t)
	product, id := s.put(1, 100)
	c := run(t, s.quick())
	require.True(t, until(t, c, func(u Update) bool { return u.Link != nil }).Link.Connected)
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id)))
	got := version(t, c, 1)
	assert.WithinDuration(t, time.Now(), got.At, patience)
	got.At = time.Time{}
	assert.Equal(t, Product{ID: id, Version: Version{7, 1}, Available: 100, Phase: Live, Catalogue: Catalogue{SKU: "SKU-1", Price: 1999, Currency: "EUR", Capacity: 100}}, got)
	s.hold(product)
	got = version(t, c, 2)
	assert.Equal(t, []int64{99, 1, 0}, []int64{got.Available, got.Reserved, got.Sold})
	assert.Equal(t, "SKU-1", got.SKU, "an update keeps what the catalogue says")
	held, known := c.Product(id)
	require.True(t, known)
	assert.Equal(t, got, held)
	took, _, err := c.Ping(soon(t))
	require.NoError(t, err)
	assert.Positive(t, took)
	require.NoError(t, c.Snap(soon(t), ProductChannel(id)))
}

// A channel that the server refuses is refused to the caller; the others are subscribed.
func TestAChannelThatIsNoneIsRefused(t *testing.T) {
	s := newServer(t)
	_, id := s.put(1, 100)
	missing := inventory.ID{9, 6: 0x70, 8: 0x80}.String()
	c := run(t, s.quick())
	err := c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id), ProductChannel(missing))
	var refused *Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, Error{Code: 102, Message: "There is no such channel here.", Channel: ProductChannel(missing)}, *refused)
	version(t, c, 1)
	require.ErrorIs(t, c.Unsubscribe(soon(t), ProductChannel(missing)), ErrNoSuchChannel)
	require.NoError(t, c.Unsubscribe(soon(t), ProductChannel(id)))
	require.ErrorIs(t, c.Unsubscribe(soon(t), ProductChannel(id)), ErrNoSuchChannel)
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id)), "it can be had again")
}

// After a connection that was cut the client comes back, with the version that it has, and is
// told what it missed and nothing else.
func TestALostConnectionIsResumed(t *testing.T) {
	s := newServer(t)
	product, id := s.put(1, 1_000)
	c := run(t, s.quick())
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id)))
	version(t, c, 1)
	for range 5 {
		s.drop()
		until(t, c, func(u Update) bool { return u.Link != nil && u.Link.Connected })
		missed := s.hold(product)
		got := version(t, c, missed)
		assert.EqualValues(t, 1_000, got.Available+got.Reserved)
		assert.Equal(t, missed, got.Stock)
	}
}

// A server that restarts tells all of its clients, and they come back to the next one, whose
// epoch is later: its versions count although they are lower.
func TestARestartIsFollowed(t *testing.T) {
	s := newServer(t)
	product, id := s.put(1, 1_000)
	options := s.quick()
	c := run(t, options)
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id)))
	s.hold(product)
	version(t, c, 2)
	s.end(false)
	link := until(t, c, func(u Update) bool { return u.Link != nil && !u.Link.Connected })
	require.Error(t, link.Link.Err)
	s.board.lock.Lock()
	s.board.epoch++
	s.board.stock[product] = inventory.Stock{OnHand: 7, Version: 1}
	s.board.lock.Unlock()
	s.begin()
	got := until(t, c, func(u Update) bool { return u.Product != nil && u.Product.Epoch == 8 }).Product
	assert.Equal(t, Version{8, 1}, got.Version)
	assert.EqualValues(t, 7, got.Available)
}

// A caller who does not ask misses versions, and is then told the present at once.
func TestASlowCallerIsToldThePresent(t *testing.T) {
	s := newServer(t)
	product, id := s.put(1, 1_000)
	c := run(t, s.quick())
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id)))
	last := uint64(0)
	for range 30 {
		last = s.hold(product)
		require.Eventually(t, func() bool { held, _ := c.Product(id); return held.Stock == last }, patience, time.Millisecond)
	}
	_, err := c.Next(soon(t)) // the connection
	require.NoError(t, err)
	update, err := c.Next(soon(t))
	require.NoError(t, err)
	assert.Equal(t, last, update.Product.Stock)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = c.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "there is nothing more")
}

// Many channels take several commands, since the server reads 4 KiB of each.
func TestManyChannelsAreSubscribedAndResumed(t *testing.T) {
	s := newServer(t)
	var names []string
	var products []inventory.ID
	for i := range ChannelsMax {
		product, id := s.put(byte(i), 1_000)
		products, names = append(products, product), append(names, ProductChannel(id))
	}
	c := run(t, s.quick())
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, names...))
	require.ErrorIs(t, c.Subscribe(soon(t), Subscription{}, "p:another"), ErrTooMany)
	s.drop()
	for _, product := range products {
		s.hold(product)
	}
	seen := map[string]bool{}
	until(t, c, func(u Update) bool {
		if u.Product != nil && u.Product.Stock == 2 {
			seen[u.Product.ID] = true
		}
		return len(seen) == ChannelsMax
	})
}

// When the context ends everything does, also what waits.
func TestTheEndIsOrderly(t *testing.T) {
	s := newServer(t)
	c := New(s.quick())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	until(t, c, func(u Update) bool { return u.Link != nil && u.Link.Connected })
	require.ErrorIs(t, c.Run(ctx), ErrRunning)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	for what, call := range map[string]func() error{
		"next":      func() error { _, err := c.Next(context.Background()); return err },
		"subscribe": func() error { return c.Subscribe(context.Background(), Subscription{}, "p:x") },
		"snap":      func() error { return c.Snap(context.Background(), "p:x") },
	} {
		require.ErrorIs(t, call(), ErrEnded, what)
	}
}

// A server that cannot be reached is tried again until there is one.
func TestAServerThatIsAwayIsTriedAgain(t *testing.T) {
	s := newServer(t)
	_, id := s.put(1, 5)
	s.end(false)
	c := run(t, s.quick())
	subscribed := make(chan error, 1)
	go func() {
		subscribed <- c.Subscribe(context.Background(), Subscription{Hertz: 20}, ProductChannel(id))
	}()
	for range 3 {
		require.False(t, until(t, c, func(u Update) bool { return u.Link != nil }).Link.Connected)
	}
	s.begin()
	require.NoError(t, <-subscribed)
	version(t, c, 1)
}

// Versions never fall and nothing is missed in the end, whatever is cut and changed.
func TestNothingGoesBackInAStorm(t *testing.T) {
	s := newServer(t)
	product, id := s.put(1, 1_000_000)
	c := run(t, s.quick())
	require.NoError(t, c.Subscribe(soon(t), Subscription{Hertz: 20}, ProductChannel(id)))
	stop, stormed := make(chan struct{}), make(chan uint64, 1)
	go func() {
		last := uint64(0)
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for i := 0; ; i++ {
			select {
			case <-ticks.C:
				if last = s.hold(product); i%97 == 0 {
					s.drop()
				}
			case <-stop:
				stormed <- last
				return
			}
		}
	}()
	held, updates := Version{}, 0
	until(t, c, func(u Update) bool {
		if u.Product != nil {
			require.False(t, u.Product.Before(held), "%v after %v", u.Product.Version, held)
			require.EqualValues(t, 1_000_000, u.Product.Available+u.Product.Reserved)
			held, updates = u.Product.Version, updates+1
		}
		return updates == 20
	})
	close(stop)
	last := <-stormed
	require.Eventually(t, func() bool { p, _ := c.Product(id); return p.Stock == last }, patience, time.Millisecond)
}
