package actors

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The model of a rebuild: one product with one unit, one panic at any moment, and
// three orders, each of which takes a unit, gives it back undecided, is appended, or
// is appended and cancelled. Each order has a line of its own to the product, first
// in, first out; everything else may happen in any order. All histories are tried.
//
// It is small enough to be read beside product.go, and shows that each of the three
// rules of a rebuild is needed: without any one of them some history sells a unit
// twice, or loses one.

// rules can be taken out one by one.
type rebuildRules struct {
	// appendChecksTenure: an order whose units were forgotten is not appended.
	appendChecksTenure bool
	// givesCarrySequence: what the rebuilt state has already is not given again.
	givesCarrySequence bool
	// undosCarryTenure: units that were forgotten are not given back.
	undosCarryTenure bool
}

const modelOrders = 3

type orderStage uint8

const (
	idle orderStage = iota
	asked
	granted
	refused
	appended
	cancelled
	undone
)

// modelMessage is what an order has sent to the product.
type modelMessage struct {
	kind     byte // t(ake), u(ndo), g(ive); 0 is none
	tenure   int8
	sequence int8
}

// modelState is comparable, so that each state is tried once.
type modelState struct {
	// units, held and sequence are the ledger's; free is what the actor can sell.
	units, held, sequence int8
	free, tenure          int8
	rebuiltAt             int8
	panicked              bool
	stages                [modelOrders]orderStage
	tenures               [modelOrders]int8
	sent                  [modelOrders][2]modelMessage
}

func (s *modelState) send(order int, m modelMessage) {
	if s.sent[order][0].kind == 0 {
		s.sent[order][0] = m
	} else {
		s.sent[order][1] = m
	}
}

// next returns every state that one step leads to.
func (s modelState) next(rules rebuildRules) (states []modelState) {
	for order := range modelOrders {
		states = append(states, s.orderSteps(order, rules)...)
		if s.sent[order][0].kind != 0 {
			states = append(states, s.receive(order, rules))
		}
	}
	if !s.panicked {
		p := s
		p.panicked = true
		p.tenure++
		p.free, p.rebuiltAt = p.units-p.held, p.sequence
		states = append(states, p)
	}
	return states
}

// orderSteps are what an order may do now.
func (s modelState) orderSteps(order int, rules rebuildRules) (states []modelState) {
	switch s.stages[order] {
	case idle:
		n := s
		n.stages[order] = asked
		n.send(order, modelMessage{kind: 't'})
		states = append(states, n)
	case granted:
		n := s // it fails elsewhere
		n.stages[order] = undone
		n.send(order, modelMessage{kind: 'u', tenure: s.tenures[order]})
		states = append(states, n)
		if n := s; !rules.appendChecksTenure || n.tenures[order] == n.tenure {
			n.stages[order] = appended
			n.held++
			n.sequence++
			states = append(states, n)
		}
	case appended:
		n := s
		n.stages[order] = cancelled
		n.held--
		n.sequence++
		n.send(order, modelMessage{kind: 'g', sequence: n.sequence})
		states = append(states, n)
	}
	return states
}

// receive is the product's step.
func (s modelState) receive(order int, rules rebuildRules) modelState {
	m := s.sent[order][0]
	s.sent[order][0], s.sent[order][1] = s.sent[order][1], modelMessage{}
	switch {
	case m.kind == 't' && s.free > 0:
		s.free--
		s.stages[order], s.tenures[order] = granted, s.tenure
	case m.kind == 't':
		s.stages[order] = refused
	case m.kind == 'u' && (!rules.undosCarryTenure || m.tenure == s.tenure):
		s.free++
	case m.kind == 'g' && (!rules.givesCarrySequence || m.sequence > s.rebuiltAt):
		s.free++
	}
	return s
}

// fault says what is wrong with a state.
func (s *modelState) fault() string {
	if s.held > s.units {
		return "a unit was sold twice"
	}
	for order := range modelOrders {
		if s.sent[order][0].kind != 0 || s.stages[order] == granted {
			return ""
		}
	}
	if s.free != s.units-s.held {
		return fmt.Sprintf("nothing is undecided, and the actor can sell %d of %d", s.free, s.units-s.held)
	}
	return ""
}

// explore tries all histories and returns the first fault.
func explore(rules rebuildRules) (fault string, states int) {
	start := modelState{units: 1, free: 1}
	seen := map[modelState]bool{start: true}
	for line := []modelState{start}; len(line) > 0; {
		state := line[len(line)-1]
		line = line[:len(line)-1]
		if fault := state.fault(); fault != "" {
			return fault, len(seen)
		}
		for _, next := range state.next(rules) {
			if !seen[next] {
				seen[next] = true
				line = append(line, next)
			}
		}
	}
	return "", len(seen)
}

func TestRebuildNeedsEachOfItsRules(t *testing.T) {
	fault, states := explore(rebuildRules{true, true, true})
	require.Empty(t, fault)
	require.Greater(t, states, 2_000, "the model has to be worth exploring")
	t.Logf("%d states", states)
	for name, rules := range map[string]rebuildRules{
		"an append without the tenure": {false, true, true},
		"a give without its sequence":  {true, false, true},
		"an undo without its tenure":   {true, true, false},
	} {
		fault, _ := explore(rules)
		require.NotEmpty(t, fault, name)
		t.Logf("%s: %s", name, fault)
	}
}
