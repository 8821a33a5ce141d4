package api

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/api/ticker"
)

// upgradeAccepted is the result of an upgrade that was not refused.
const upgradeAccepted = "accepted"

// tickerBounds are the upper bounds of the histograms of the WebSockets.
var tickerBounds = []time.Duration{time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second}

// tickerMetric is a metric of the WebSockets. It has one value, or one for each of a label,
// or it is a histogram.
type tickerMetric struct {
	name, help, label string
	kind              prometheus.ValueType
	value             func(*ticker.Figures) float64
	values            func(*ticker.Figures) map[string]float64
	durations         func(*ticker.Figures) *ticker.Durations
}

// tickerMetrics are all but the count of upgrades. None has a label of a product or of who
// is connected.
var tickerMetrics = []tickerMetric{
	{name: "ws_connections", help: "WebSockets that are open, by the format that they speak.", label: "format", kind: prometheus.GaugeValue,
		values: func(f *ticker.Figures) map[string]float64 { return floats(f.ConnectionsByFormat) }},
	{name: "ws_subscriptions", help: "Channels that WebSockets are subscribed to, by what they are of.", label: "kind", kind: prometheus.GaugeValue,
		values: func(f *ticker.Figures) map[string]float64 { return floats(f.SubscriptionsByKind) }},
	{name: "ws_topics", help: "Channels that somebody watches.", kind: prometheus.GaugeValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Topics) }},
	{name: "ws_clients_blocked", help: "WebSockets whose peer does not read.", kind: prometheus.GaugeValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Blocked) }},
	{name: "ws_frames_sent_total", help: "Frames that were sent over WebSockets, by what they tell of.", label: "kind", kind: prometheus.CounterValue,
		values: func(f *ticker.Figures) map[string]float64 { return floats(f.FramesByKind) }},
	{name: "ws_bytes_sent_total", help: "Bytes that the kernel took for WebSockets.", kind: prometheus.CounterValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Bytes) }},
	{name: "ws_frames_encoded_total", help: "States of products that a frame was made of, for all who watch.", kind: prometheus.CounterValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Encoded) }},
	{name: "ws_versions_conflated_total", help: "Stock versions that a subscriber was not told of, because a later one was there.", kind: prometheus.CounterValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Conflated) }},
	{name: "ws_commands_refused_total", help: "Commands that were answered with an error.", kind: prometheus.CounterValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Refused) }},
	{name: "ws_client_demotions_total", help: "Times that a WebSocket whose peer did not keep up was served more slowly.", kind: prometheus.CounterValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Demotions) }},
	{name: "ws_resyncs_total", help: "Times that a WebSocket was told to ask for its orders again, since too much had happened.", kind: prometheus.CounterValue,
		value: func(f *ticker.Figures) float64 { return float64(f.Resyncs) }},
	{name: "ws_closes_total", help: "WebSockets that ended, by our close code, or because the peer closed or was lost.", label: "code", kind: prometheus.CounterValue,
		values: func(f *ticker.Figures) map[string]float64 { return floats(f.Closes) }},
	{name: "ws_delivery_lag_seconds", help: "Time from the reading of a product's state to the sending of its frame.",
		durations: func(f *ticker.Figures) *ticker.Durations { return &f.Lags }},
	{name: "ws_sweep_seconds", help: "Time that a shard took to tell all its WebSockets what has changed.",
		durations: func(f *ticker.Figures) *ticker.Durations { return &f.Sweeps }},
}

func floats[Count int64 | uint64](counts map[string]Count) map[string]float64 {
	all := make(map[string]float64, len(counts))
	for name, count := range counts {
		all[name] = float64(count)
	}
	return all
}

// tickerCollector reads the figures of a hub once for all metrics of a scrape.
type tickerCollector struct {
	hub          *ticker.Hub
	descriptions []*prometheus.Desc
}

func newTickerCollector(hub *ticker.Hub) *tickerCollector {
	c := &tickerCollector{hub: hub}
	for i := range tickerMetrics {
		m := &tickerMetrics[i]
		var labels []string
		if m.label != "" {
			labels = []string{m.label}
		}
		c.descriptions = append(c.descriptions, prometheus.NewDesc(m.name, m.help, labels, nil))
	}
	return c
}

// Describe tells which metrics there are.
func (c *tickerCollector) Describe(to chan<- *prometheus.Desc) {
	for _, description := range c.descriptions {
		to <- description
	}
}

// Collect reads them.
func (c *tickerCollector) Collect(to chan<- prometheus.Metric) {
	figures := c.hub.Figures()
	for i, description := range c.descriptions {
		tickerMetrics[i].collect(&figures, description, to)
	}
}

func (m *tickerMetric) collect(figures *ticker.Figures, description *prometheus.Desc, to chan<- prometheus.Metric) {
	switch {
	case m.value != nil:
		to <- prometheus.MustNewConstMetric(description, m.kind, m.value(figures))
	case m.values != nil:
		for label, value := range m.values(figures) {
			to <- prometheus.MustNewConstMetric(description, m.kind, value, label)
		}
	default:
		durations := m.durations(figures)
		within, all := durations.Within(tickerBounds)
		buckets := make(map[float64]uint64, len(tickerBounds))
		for i, bound := range tickerBounds {
			buckets[bound.Seconds()] = within[i]
		}
		to <- prometheus.MustNewConstHistogram(description, all, durations.Sum.Seconds(), buckets)
	}
}

// followTicker registers the metrics of the WebSockets.
func (m *metrics) followTicker(registry *prometheus.Registry, hub *ticker.Hub) error {
	m.upgrades = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ws_upgrades_total",
		Help: "Requests for a WebSocket, by the code of the refusal or accepted."}, []string{"result"})
	return errors.Join(registry.Register(m.upgrades), registry.Register(newTickerCollector(hub)))
}
