package api

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/api/ticker"
)

// tickerGauges are the figures of the WebSockets that go up and down.
var tickerGauges = []struct {
	name, help string
	read       func(*ticker.Figures) int64
}{
	{"ws_connections", "WebSockets that are open.", func(f *ticker.Figures) int64 { return f.Connections }},
	{"ws_subscriptions", "Channels that WebSockets are subscribed to.", func(f *ticker.Figures) int64 { return f.Subscriptions }},
	{"ws_topics", "Products that somebody watches.", func(f *ticker.Figures) int64 { return f.Topics }},
	{"ws_clients_blocked", "WebSockets whose peer does not read.", func(f *ticker.Figures) int64 { return f.Blocked }},
}

// tickerCounters are those that only grow.
var tickerCounters = []struct {
	name, help string
	read       func(*ticker.Figures) uint64
}{
	{"ws_frames_sent_total", "Frames that were sent over WebSockets.", func(f *ticker.Figures) uint64 { return f.Frames }},
	{"ws_bytes_sent_total", "Bytes that the kernel took for WebSockets.", func(f *ticker.Figures) uint64 { return f.Bytes }},
	{"ws_frames_encoded_total", "States of products that a frame was made of, for all who watch.",
		func(f *ticker.Figures) uint64 { return f.Encoded }},
	{"ws_versions_conflated_total", "Stock versions that a subscriber was not told of, because a later one was there.",
		func(f *ticker.Figures) uint64 { return f.Conflated }},
	{"ws_commands_refused_total", "Commands that were answered with an error.", func(f *ticker.Figures) uint64 { return f.Refused }},
}

// upgradeAccepted is the result of an upgrade that was not refused.
const upgradeAccepted = "accepted"

// followTicker registers the metrics of the WebSockets.
func (m *metrics) followTicker(registry *prometheus.Registry, hub *ticker.Hub) error {
	m.upgrades = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ws_upgrades_total",
		Help: "Requests for a WebSocket, by the code of the refusal or accepted."}, []string{"result"})
	failures := []error{registry.Register(m.upgrades)}
	for _, g := range tickerGauges {
		failures = append(failures, registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { f := hub.Figures(); return float64(g.read(&f)) })))
	}
	for _, c := range tickerCounters {
		failures = append(failures, registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help},
			func() float64 { f := hub.Figures(); return float64(c.read(&f)) })))
	}
	for code := range hub.Figures().Closes {
		failures = append(failures, registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "ws_closes_total",
			Help:        "WebSockets that ended, by our close code, or because the peer closed or was lost.",
			ConstLabels: prometheus.Labels{"code": code}},
			func() float64 { return float64(hub.Figures().Closes[code]) })))
	}
	return errors.Join(failures...)
}
