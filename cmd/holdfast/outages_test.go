package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/persistencetest"
)

const (
	outageBuyers   = 8
	outageProducts = 4
	// outagePauseMax is the longest pause of a buyer. Every row is compared after every
	// cycle, so there should be some and not too many.
	outagePauseMax = 20 * time.Millisecond
)

// outages is a server whose Postgres is killed again and again.
type outages struct {
	*shop
	random   *rand.Rand
	products []string

	serial atomic.Int64
	// outage is the number of the outage, 0 while the database is there.
	outage                         atomic.Int64
	acknowledged, acknowledgedAway atomic.Int64
	// mutex guards orders, those that were acknowledged in the cycle.
	mutex  sync.Mutex
	orders []string

	// model is the fold of the journal up to a record, and placed are its orders.
	model  *persistencetest.Model
	folded uint64
	placed map[string]bool
}

// stopCycles is read before TestMain takes the options of servers away.
var stopCycles = os.Getenv("HOLDFAST_STOP_CYCLES")

// Postgres is killed again and again while orders come. They are acknowledged all the
// same, and when it is back and has caught up, every row of it is what the journal says.
// HOLDFAST_STOP_CYCLES sets how often.
func TestOutagesLoseNothing(t *testing.T) {
	cycles := 5
	if stopCycles != "" {
		var err error
		cycles, err = strconv.Atoi(stopCycles)
		require.NoError(t, err, "HOLDFAST_STOP_CYCLES")
	}
	o := openOutages(t)
	for n := range cycles {
		began := time.Now()
		before, away := o.acknowledged.Load(), o.acknowledgedAway.Load()
		o.cycle(int64(n + 1))
		t.Logf("cycle %d: %d orders acknowledged, %d of them while the database was away; %d records compared (%.1f s)", n+1,
			o.acknowledged.Load()-before, o.acknowledgedAway.Load()-away, o.folded, time.Since(began).Seconds())
	}
	t.Logf("%d cycles: %d orders acknowledged, %d of them while the database was away, SQL equals the journal every time",
		cycles, o.acknowledged.Load(), o.acknowledgedAway.Load())
}

func openOutages(t *testing.T) *outages {
	chance := uint64(time.Now().UnixNano())
	t.Logf("seed %d", chance)
	o := &outages{shop: prepareShop(t, outageBuyers), random: rand.New(rand.NewPCG(chance, 1)), placed: map[string]bool{}}
	// The model needs all records, also those that the database has.
	o.site = serve(t, o.data, "--database-url", o.database, "--journal-retain-bytes", strconv.Itoa(1<<40)).site
	for n := range outageProducts {
		o.products = append(o.products, o.create(fmt.Sprintf("SKU-%d", n), 100+n, []int{1_000_000, 500}[n%2]))
	}
	var catalogue []persistence.CatalogueProduct
	require.NoError(t, o.store.EachProduct(t.Context(), func(product persistence.CatalogueProduct, _ inventory.Stock) error {
		catalogue = append(catalogue, product)
		return nil
	}))
	o.model = persistencetest.NewModel(catalogue)
	return o
}

// cycle kills Postgres under load, sometimes once more while it is being caught up with,
// and compares.
func (o *outages) cycle(number int64) {
	stop := make(chan struct{})
	var load sync.WaitGroup
	for buyer := range outageBuyers {
		random := rand.New(rand.NewPCG(o.random.Uint64(), 2))
		load.Go(func() { o.buy(buyer, random, stop) })
	}
	o.await(&o.acknowledged, 1+o.random.Int64N(100))
	for again := true; again; again = o.random.IntN(4) == 0 {
		o.postgres.Stop(o.t, "immediate")
		o.outage.Store(number)
		o.await(&o.acknowledgedAway, 1+o.random.Int64N(100))
		o.outage.Store(0)
		o.postgres.Start(o.t)
	}
	o.await(&o.acknowledged, 1+o.random.Int64N(100))
	close(stop)
	load.Wait()
	require.False(o.t, o.t.Failed(), "a buyer was answered wrongly")
	o.requireTables()
}

// await returns when the counter has grown by so much.
func (o *outages) await(counter *atomic.Int64, by int64) {
	want := counter.Load() + by
	require.Eventually(o.t, func() bool { return counter.Load() >= want || o.t.Failed() }, shopPatience, time.Millisecond)
}

// buy orders, and changes orders, until stop is closed.
func (o *outages) buy(buyer int, random *rand.Rand, stop <-chan struct{}) {
	token := o.customers[buyer].AccessToken
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(random.Int64N(int64(outagePauseMax)))):
		}
		outage := o.outage.Load()
		answer := o.ask("/api/orders", token, o.someOrder(random), 201, 409)
		if answer.status != 201 {
			continue
		}
		o.mutex.Lock()
		o.orders = append(o.orders, answer.id())
		o.mutex.Unlock()
		o.acknowledged.Add(1)
		if outage != 0 && o.outage.Load() == outage {
			o.acknowledgedAway.Add(1)
		}
		o.goOn(answer.id(), token, random)
	}
}

// someOrder is an order of some products, of which some sell out.
func (o *outages) someOrder(random *rand.Rand) string {
	items := ""
	for i, n := range random.Perm(outageProducts)[:1+random.IntN(3)] {
		if i > 0 {
			items += ","
		}
		items += fmt.Sprintf(`{"product_id":%q,"quantity":%d}`, o.products[n], 1+random.IntN(3))
	}
	return fmt.Sprintf(`{"items":[%s],"policy":%q}`, items, []string{"all_or_nothing", "allow_partial"}[random.IntN(2)])
}

// goOn leads an order through some of its life, and adjusts a stock now and then.
func (o *outages) goOn(order, token string, random *rand.Rand) {
	path := "/api/orders/" + order
	switch random.IntN(8) {
	case 0:
		o.ask(path+"/cancel", token, "{}", 200, 503)
	case 1:
		o.ask(path+"/extend", token, "{}", 200, 503)
	case 2, 3, 4:
		o.ask(path+"/confirm", token, "{}", 200, 503)
		if random.IntN(2) == 0 {
			o.ask(path+"/fulfill", o.admin, "{}", 200, 503)
			o.ask(path+"/return", o.admin, fmt.Sprintf(`{"restock":%t}`, random.IntN(2) == 0), 200, 409, 503)
		}
	case 5:
		o.ask("/api/products/"+o.products[random.IntN(outageProducts)]+"/stock", o.admin, `{"delta":1,"reason":"counted"}`, 200, 503)
	}
}

// ask sends a request with a key of its own, and requires one of some answers.
func (o *outages) ask(path, token, body string, allowed ...int) reply {
	answer, err := o.send(o.client, call{method: "POST", path: path, token: token, body: body, key: fmt.Sprintf("key-of-an-outage-%08d", o.serial.Add(1))})
	for _, status := range allowed {
		if err == nil && answer.status == status {
			return answer
		}
	}
	o.t.Errorf("%s %s was answered with %d %s (%v)", path, body, answer.status, answer.text, err)
	return answer
}

// requireTables waits until the database has the whole journal, and compares every row
// with its fold. Nobody changes anything meanwhile.
func (o *outages) requireTables() {
	directory := filepath.Join(o.data, "journal")
	require.NoError(o.t, journal.Dump(presentDisk{}, directory, o.folded+1, 0, func(sequence uint64, record []byte) error {
		event, err := persistence.DecodeEvent(record)
		if err != nil {
			return err
		}
		require.Equal(o.t, o.folded+1, sequence)
		o.model.Apply(&persistence.Record{Sequence: sequence, Event: event})
		o.folded = sequence
		if event.Kind == inventory.OrderPlaced {
			o.placed[event.Order.String()] = true
		}
		return nil
	}))
	for _, order := range o.orders {
		require.True(o.t, o.placed[order], "order %s was acknowledged and is not in the journal", order)
	}
	o.orders = nil
	var position persistence.Position
	require.Eventually(o.t, func() bool {
		var err error
		position, err = o.store.Position(o.t.Context())
		return err == nil && position.Sequence == o.folded
	}, shopPatience, time.Millisecond, "the database does not catch up")
	_, err := journal.Verify(presentDisk{}, directory, position)
	require.NoError(o.t, err)
	persistencetest.RequireModel(o.t, o.store, o.model)
}
