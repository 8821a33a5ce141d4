package persistencetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Rules that change alone are told, with the stock that is there, and in order: what comes
// late with rules of before changes nothing, and a later stock keeps the rules.
func testBusTellsRules(t *testing.T, place BusPlace) {
	view := WatchBus(t, place.Subscriber)
	want := make(map[inventory.ID]persistence.StockState)
	tell := func(states ...persistence.StockState) {
		for _, state := range states {
			want[state.Product] = state
		}
		place.Publisher.Publish(states...)
		view.awaitStates(t, want)
	}
	tell(BusRevised(1, 2, 5, 10), BusRevised(2, 2, 5, 10))
	tell(BusRevised(1, 2, 5, 11))
	tell(BusRevised(1, 2, 6, 11))
	tell(BusRevised(1, 2, 7, 12), BusRevised(2, 2, 5, 11))
	place.Publisher.Publish(BusRevised(1, 2, 7, 11), BusRevised(1, 2, 6, 13))
	tell(BusRevised(3, 2, 1, 1)) // shows that what was published before it was told
	tell(BusRevised(1, 3, 1, 13))
	tell(BusRevised(1, 3, 1, 14))
}

// Texts as long as the catalogue has them are told; what is no rules of the catalogue is
// refused, counted, and spoils nothing else of the call.
func testBusTellsOnlyWhatFits(t *testing.T, place BusPlace) {
	view := WatchBus(t, place.Subscriber)
	largest := func(number int) persistence.StockState {
		state := BusState(number, 1, 1)
		state.Rules.SKU = strings.Repeat("S", inventory.SKUBytesMax)
		state.Rules.Name = strings.Repeat("\U0001F45F", persistence.BusNameBytesMax/4)
		state.Rules.Category = strings.Repeat("\U0001F45F", persistence.BusCategoryBytesMax/4)
		return state
	}
	want := make(map[inventory.ID]persistence.StockState)
	for number := range 300 {
		state := largest(number)
		want[state.Product] = state
		place.Publisher.Publish(state)
	}
	view.awaitStates(t, want)
	var refused []persistence.StockState
	for number, spoil := range []func(*inventory.Product){
		func(p *inventory.Product) { p.SKU += "S" },
		func(p *inventory.Product) { p.Name += "n" },
		func(p *inventory.Product) { p.Category += "c" },
		func(p *inventory.Product) { p.Name = "no text: \xff" },
	} {
		state := largest(1000 + number)
		spoil(state.Rules)
		refused = append(refused, state)
	}
	without := BusState(2000, 1, 1)
	without.Rules = nil
	before, last := place.Publisher.Statistics().Refused, BusState(3000, 1, 1)
	place.Publisher.Publish(append(refused, without, last)...)
	want[last.Product] = last
	view.awaitStates(t, want)
	require.Equal(t, before+5, place.Publisher.Statistics().Refused)
}
