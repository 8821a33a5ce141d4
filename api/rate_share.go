package api

import (
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Where several processes serve the same callers, each tells the others what those have
// used that ask for much. A process decides by what it knows, and never asks: so a caller
// who goes to many of them at once gets, for a moment, what was not told yet, and what is
// too little to be told. While nobody can be told, each gives what it would give alone.

// quotas are those of a server by the numbers that other processes know them by.
func (l *limits) quotas() [3]*quota { return [3]*quota{l.orders, l.customer, l.address} }

// startSharing lets the quotas be shared, if there is anybody to share them with.
func (s *Server) startSharing() {
	exchange := s.options.Usages
	if exchange == nil {
		return
	}
	for _, q := range s.limits.quotas() {
		q.shared = true
	}
	exchange.Hear(func(usages []persistence.Usage) { s.limits.hear(usages, s.clock.Now()) })
	s.tellUsagesSoon()
}

// tellUsagesSoon tells the others again and again, until the server ends.
func (s *Server) tellUsagesSoon() {
	s.clock.AfterFunc(usageInterval, func() {
		if s.living.Err() != nil {
			return
		}
		s.limits.tell(s.options.Usages)
		s.tellUsagesSoon()
	})
}

// tell tells the others what was used since the last time.
func (l *limits) tell(exchange persistence.UsageExchange) {
	var usages []persistence.Usage
	flush := func(most int) {
		if len(usages) > most {
			exchange.Tell(usages)
			usages = nil
		}
	}
	for number, q := range l.quotas() {
		for i := range q.parts {
			for caller, used := range q.parts[i].takeSpent() {
				usages = append(usages, persistence.Usage{Quota: uint64(number), Caller: caller, Time: time.Duration(used)}) // #nosec G115 -- small
				flush(persistence.UsagesMax - 1)
			}
		}
	}
	flush(0)
}

// takeSpent returns what was used of the part's callers since the last time.
func (p *quotaPart) takeSpent() map[[16]byte]inventory.Instant {
	p.lock.Lock()
	defer p.lock.Unlock()
	spent := p.spent
	p.spent = nil
	return spent
}

// spend notes what a caller has used, so that others are told. The caller holds the lock.
func (p *quotaPart) spend(caller [16]byte, price inventory.Instant) {
	if p.spent == nil {
		p.spent = map[[16]byte]inventory.Instant{}
	}
	if before, known := p.spent[caller]; known || len(p.spent) < usageCallersMax/quotaParts {
		p.spent[caller] = before + price
	}
}

// hear takes into account what callers have used elsewhere.
func (l *limits) hear(usages []persistence.Usage, now inventory.Instant) {
	quotas := l.quotas()
	for i := range usages {
		usage := &usages[i]
		if usage.Quota < uint64(len(quotas)) && usage.Time > 0 {
			quotas[usage.Quota].use(usage.Caller, instant(usage.Time), now)
		}
	}
}

// use takes a share of a caller that was used elsewhere, whether or not it was there here.
func (q *quota) use(caller [16]byte, price, now inventory.Instant) {
	if q.unit == 0 {
		return
	}
	key, part := q.find(caller)
	part.lock.Lock()
	defer part.lock.Unlock()
	used := min(max(part.full[key]-now, 0)+min(price, rateWindow), rateWindow)
	keep(part.full, quotaCallersMax/quotaParts, key, now+used)
}
