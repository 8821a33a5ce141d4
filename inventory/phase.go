package inventory

// Phase is where a product is in its sale.
type Phase uint8

// The phases. Their numbers go from one process to another.
const (
	PhaseScheduled Phase = iota
	PhaseLive
	PhasePaused
	PhaseSoldOut
	PhaseEnded
)

var phaseNames = [...]string{"scheduled", "live", "paused", "sold_out", "ended"}

// String returns the name of the phase, as it is shown.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "unknown"
}

// PhaseAt returns the phase of a product that has the stock. It is sold out when nothing
// is left and nothing is held either: held units may come back.
func (p *Product) PhaseAt(stock *Stock, now Instant) Phase {
	switch {
	case p.Deleted, p.SaleEndsAt != 0 && now >= p.SaleEndsAt:
		return PhaseEnded
	case p.Paused:
		return PhasePaused
	case now < p.SaleStartsAt:
		return PhaseScheduled
	case stock.Available() <= 0 && stock.Reserved == 0:
		return PhaseSoldOut
	}
	return PhaseLive
}
