package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPhases(t *testing.T) {
	const now = 100 * Second
	for name, c := range map[string]struct {
		rules Product
		stock Stock
		want  Phase
	}{
		"open":                 {Product{}, Stock{OnHand: 1}, PhaseLive},
		"before it starts":     {Product{SaleStartsAt: now + 1}, Stock{OnHand: 1}, PhaseScheduled},
		"as it starts":         {Product{SaleStartsAt: now}, Stock{OnHand: 1}, PhaseLive},
		"before it ends":       {Product{SaleEndsAt: now + 1}, Stock{OnHand: 1}, PhaseLive},
		"as it ends":           {Product{SaleEndsAt: now}, Stock{OnHand: 1}, PhaseEnded},
		"paused":               {Product{Paused: true, SaleStartsAt: now + 1}, Stock{OnHand: 1}, PhasePaused},
		"deleted":              {Product{Deleted: true, Paused: true}, Stock{OnHand: 1}, PhaseEnded},
		"all held":             {Product{}, Stock{OnHand: 1, Reserved: 1}, PhaseLive},
		"all sold":             {Product{}, Stock{OnHand: 1, Committed: 1}, PhaseSoldOut},
		"nothing there":        {Product{}, Stock{}, PhaseSoldOut},
		"only what is kept":    {Product{}, Stock{OnHand: 1, Safety: 2}, PhaseSoldOut},
		"sold before it opens": {Product{SaleStartsAt: now + 1}, Stock{}, PhaseScheduled},
	} {
		require.Equal(t, c.want.String(), c.rules.PhaseAt(&c.stock, now).String(), name)
	}
}
