package main

import (
	"errors"
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/persistence"
)

// showcaseReadings are the figures of a server that shows what others sell; those that only
// grow are counters.
var showcaseReadings = []struct {
	name, help string
	grows      bool
	read       func(*showcase, *persistence.BusStatistics) float64
}{
	{"ws_pubsub_lag_seconds", "How old the newest stock of the last batch was when it came, by the clocks of both processes.", false,
		func(_ *showcase, b *persistence.BusStatistics) float64 { return b.Lag.Seconds() }},
	{"ws_pubsub_reconnects_total", "Connections that were made to listen, after the first.", true,
		func(_ *showcase, b *persistence.BusStatistics) float64 { return float64(max(b.Connections, 1) - 1) }},
	{"ws_keyframe_age_seconds", "How long ago all was known that the process that takes orders had told; +Inf before that.", false,
		func(s *showcase, b *persistence.BusStatistics) float64 {
			if age, ever := s.keyframeAge(b); ever {
				return age.Seconds()
			}
			return math.Inf(1)
		}},
	{"ws_products", "Products that are shown.", false,
		func(s *showcase, _ *persistence.BusStatistics) float64 { return float64(s.board.Figures().Products) }},
	{"ws_stale_products", "Those of them of which nobody knows whether they are still so.", false,
		func(s *showcase, _ *persistence.BusStatistics) float64 { return float64(s.board.Figures().Stale) }},
}

// register shows these figures, which are read when somebody asks.
func (s *showcase) register(registry *prometheus.Registry) error {
	var failures []error
	for _, r := range showcaseReadings {
		read := func() float64 {
			statistics := s.bus.Statistics()
			return r.read(s, &statistics)
		}
		var collector prometheus.Collector = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: r.name, Help: r.help}, read)
		if r.grows {
			collector = prometheus.NewCounterFunc(prometheus.CounterOpts{Name: r.name, Help: r.help}, read)
		}
		failures = append(failures, registry.Register(collector))
	}
	return errors.Join(failures...)
}
