package actors

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/inventory"
	"holdfast/persistence"
)

// What is told of changes is what a list of all of them has after the revision, or that it
// is not known any more: however many there were, and whatever revision is asked for.
func TestRuleChangesAreThoseOfAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var changes ruleChanges
		var all []inventory.ID
		t.Repeat(map[string]func(*rapid.T){
			"one": func(t *rapid.T) { all = noteMany(&changes, all, 1) },
			"many": func(t *rapid.T) {
				all = noteMany(&changes, all, rapid.IntRange(1, 2*ruleChangesMax).Draw(t, "changes"))
			},
			"": func(t *rapid.T) {
				oldest := max(len(all)-ruleChangesMax, 1)
				for _, revision := range []int{rapid.IntRange(0, len(all)+2).Draw(t, "revision"), oldest, oldest - 1} {
					changed, now, complete := changes.since(uint64(revision))
					require.EqualValues(t, len(all), now)
					require.Equal(t, revision <= len(all) && len(all)-revision <= ruleChangesMax, complete)
					if complete {
						require.True(t, slices.Equal(all[revision:], changed))
					} else {
						require.Empty(t, changed)
					}
				}
			},
		})
	})
}

func noteMany(changes *ruleChanges, all []inventory.ID, count int) []inventory.ID {
	for range count {
		id := inventory.ID{13: byte(len(all) >> 16), 14: byte(len(all) >> 8), 15: byte(len(all))}
		changes.note(id)
		all = append(all, id)
	}
	return all
}

// Each kind of change is told of: a product that is created, edited, paused, deleted and
// restored, and one that gets a limit, for which is counted first. Who was refused has
// changed nothing. A start is a change of all.
func TestEachChangeOfRulesIsTold(t *testing.T) {
	h := newHouse(t)
	_, begun, complete := h.engine.RulesSince(0)
	require.True(t, complete)
	product := h.product(1)
	next := func() []inventory.ID {
		changed, now, complete := h.engine.RulesSince(begun)
		require.True(t, complete)
		begun = now
		return changed
	}
	require.Equal(t, []inventory.ID{product}, next())
	for name, change := range map[string]func(*inventory.Product){
		"edited":  func(p *inventory.Product) { p.Price.Minor++ },
		"paused":  func(p *inventory.Product) { p.Paused = true },
		"deleted": func(p *inventory.Product) { p.Deleted = true },
		"limited": func(p *inventory.Product) { p.PurchaseLimit = 2 },
		"as ever": func(*inventory.Product) {},
	} {
		rules := h.rules(product)
		change(&rules)
		require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(rules), name)
		require.Equal(t, []inventory.ID{product}, next(), name)
		require.Equal(t, rules, h.rules(product), name)
	}
	unknown := h.rules(product)
	unknown.ID = inventory.ID{9}
	require.Equal(t, inventory.CodeNotFound, h.engine.SetProduct(unknown).Code)
	require.Empty(t, next())
	h.awaitProjection()
	h.restart()
	changed, _, complete := h.engine.RulesSince(0)
	require.True(t, complete)
	require.Equal(t, []inventory.ID{product}, changed)
}

func (h *house) rules(product inventory.ID) inventory.Product {
	rules, _, found := h.engine.Sale(product)
	require.True(h.t, found)
	return *rules
}

// Whoever follows the changes has the rules that are in force, however many change them at
// the same time, and reads all again only when it is told to.
func TestAFollowerOfRulesMissesNoChange(t *testing.T) {
	const writers, changes = 4, 400
	h := newHouse(t)
	var products []inventory.ID
	for range 8 {
		products = append(products, h.product(1))
	}
	follower := follower{engine: h.engine, prices: map[inventory.ID]int64{}}
	follower.follow()
	var group sync.WaitGroup
	ended := make(chan struct{})
	for writer := range writers {
		group.Go(func() {
			for i := range changes {
				rules := h.rules(products[(writer+i)%len(products)])
				rules.Price.Minor = int64(1 + i*writers + writer)
				if refusal := h.engine.SetProduct(rules); refusal.Refused() {
					t.Error(refusal)
				}
			}
		})
	}
	added := make(chan inventory.ID, 1)
	group.Go(func() {
		added <- h.product(1, func(p *persistence.CatalogueProduct) { p.Price.Minor = 7_777 })
	})
	go func() {
		defer close(ended)
		group.Wait()
	}()
	for following := true; following; {
		select {
		case <-ended:
			following = false
		default:
		}
		follower.follow()
	}
	require.EqualValues(t, 7_777, follower.prices[<-added])
	want := map[inventory.ID]int64{}
	h.engine.EachProduct(func(rules *inventory.Product) bool {
		want[rules.ID] = rules.Price.Minor
		return true
	})
	require.Len(t, want, len(products)+1)
	require.Equal(t, want, follower.prices)
	require.Equal(t, 1, follower.readAll)
}

// follower keeps the price of every product as whoever shows products does.
type follower struct {
	engine   *Engine
	revision uint64
	begun    bool
	prices   map[inventory.ID]int64
	readAll  int
}

func (f *follower) follow() {
	changed, now, complete := f.engine.RulesSince(f.revision)
	f.revision = now
	if !complete || !f.begun {
		f.begun = true
		f.readAll++
		f.engine.EachProduct(func(rules *inventory.Product) bool {
			f.prices[rules.ID] = rules.Price.Minor
			return true
		})
	}
	for _, product := range changed {
		rules, _, _ := f.engine.Sale(product)
		f.prices[product] = rules.Price.Minor
	}
}

// A visit that takes its time keeps nobody from adding and finding products, and one that
// says no is the last.
func TestVisitsOfProductsHoldNoLock(t *testing.T) {
	h := newHouse(t)
	first := h.product(1)
	entered, leave := make(chan struct{}), make(chan struct{})
	visited := make(chan int, 1)
	go func() {
		count := 0
		h.engine.EachProduct(func(*inventory.Product) bool {
			count++
			close(entered)
			<-leave
			return false
		})
		visited <- count
	}()
	<-entered
	// A product of the part of the one that is being visited is among so many.
	part := partOf((*[16]byte)(&first))
	added := make(chan struct{})
	go func() {
		defer close(added)
		for n, inPart := 1, 0; inPart < 3; n++ {
			id := inventory.ID{1, 14: byte(n >> 8), 15: byte(n)}
			if partOf((*[16]byte)(&id)) != part {
				continue
			}
			inPart++
			_, err := h.engine.shelve(&inventory.Product{ID: id}, 0, inventory.Stock{})
			if err != nil {
				t.Error(err)
			}
		}
	}()
	select {
	case <-added:
	case <-time.After(waitMax):
		t.Error("nobody can add a product while the rules are read")
	}
	require.EqualValues(t, 4, h.engine.shelf.count.Load())
	close(leave)
	require.Equal(t, 1, <-visited)
}
