package main

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"holdfast/actors"
	"holdfast/persistence/journal"
)

// engineMetrics shows what engine and journal know of themselves. Both are read
// when somebody asks.
type engineMetrics struct {
	source  atomic.Pointer[metricsSource]
	syncs   prometheus.Histogram
	batches prometheus.Histogram
}

type metricsSource struct {
	engine  *actors.Engine
	journal *journal.Journal
}

// gaugeReadings are the figures that go up and down.
var gaugeReadings = []struct {
	name, help string
	read       func(actors.Statistics, journal.Statistics) float64
}{
	{"inventory_operations_in_flight", "Operations that wait for an answer.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.InFlight) }},
	{"inventory_operations_in_flight_max", "Bound of the operations in flight.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.InFlightMax) }},
	{"inventory_actor_mailbox_depth", "Messages that wait in the mailboxes of order actors.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Waiting) }},
	{"inventory_products", "Products in memory.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Products) }},
	{"inventory_actors_quarantined", "Order actors that panicked and are being rebuilt.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Quarantined) }},
	{"inventory_idempotency_keys_in_memory", "Idempotency keys in memory: in flight, held, or not in the database yet.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Keys) }},
	{"inventory_clock_jumped", "1 while no hold ends, because the machine's clock has jumped.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return oneIf(e.ClockJumped) }},
	{"inventory_projection_sequence", "Last journal record that the database has.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Projected) }},
	{"inventory_projection_backlog_records", "Durable records that the database does not have yet.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Backlog) }},
	{"inventory_projection_backlog_records_max", "Bound of the backlog.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.BacklogMax) }},
	{"inventory_projection_backlog_bytes", "Bytes of the records that the database does not have yet.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.BacklogBytes) }},
	{"inventory_projection_backlog_bytes_max", "Bound of the bytes of the backlog.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.BacklogBytesMax) }},
	{"inventory_projection_lag_seconds", "Age of the oldest record that the database does not have.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return e.Lag.Seconds() }},
	{"inventory_projection_failures_in_a_row", "Attempts to write to the database that failed since the last that did not.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Failures) }},
	{"inventory_database_up", "1 unless the last attempt to write to the database failed.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return oneIf(!e.Away()) }},
	{"inventory_ack_database", "1 when orders are answered after the commit in the database, 0 when after the sync of the journal.",
		func(e actors.Statistics, _ journal.Statistics) float64 {
			return oneIf(e.Acknowledge == actors.AcknowledgeDatabase)
		}},
	{"inventory_journal_durable_sequence", "Last journal record that is durable.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return float64(j.DurableSequence) }},
	{"inventory_journal_pending_bytes", "Bytes that wait for a sync.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return float64(j.PendingBytes) }},
	{"inventory_journal_full", "1 while the disk has no room for a further segment.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return oneIf(j.Full) }},
	{"inventory_journal_segments", "Files of the journal.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return float64(j.Segments) }},
	{"inventory_journal_disk_bytes", "Size of the journal's files.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return float64(j.DiskBytes) }},
}

// counterReadings are the figures that only grow.
var counterReadings = []struct {
	name, help string
	read       func(actors.Statistics, journal.Statistics) float64
}{
	{"inventory_refused_overloaded_total", "Requests refused before any effect because of a bound.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Refused) }},
	{"inventory_refused_early_total", "Orders refused before any actor was involved.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.RefusedEarly) }},
	{"inventory_parked_total", "Orders that waited for units that others held undecided.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Parked) }},
	{"inventory_actors_rebuilt_total", "Panics after which an actor was rebuilt.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.Rebuilt) }},
	{"inventory_projection_failures_total", "Attempts to write to the database that failed.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.FailuresTotal) }},
	{"inventory_purged_orders_total", "Orders that were deleted because they were too old.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.PurgedOrders) }},
	{"inventory_purged_movements_total", "Movements that were deleted because they were too old.",
		func(e actors.Statistics, _ journal.Statistics) float64 { return float64(e.PurgedMovements) }},
	{"inventory_journal_records_total", "Records that became durable.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return float64(j.Records) }},
	{"inventory_journal_bytes_total", "Bytes that became durable.",
		func(_ actors.Statistics, j journal.Statistics) float64 { return float64(j.Bytes) }},
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}

// newEngineMetrics registers the metrics; they read zero until follow is called.
func newEngineMetrics(registry *prometheus.Registry) (*engineMetrics, error) {
	m := &engineMetrics{
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "inventory_journal_sync_duration_seconds",
			Help: "Time of one sync.", Buckets: prometheus.ExponentialBuckets(0.000_05, 2, 16)}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "inventory_journal_batch_records",
			Help: "Records that share one sync.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "inventory_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": versionText()}})
	build.Set(1)
	all := []prometheus.Collector{m.syncs, m.batches, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
	for _, g := range gaugeReadings {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, m.reading(g.read)))
	}
	for _, class := range actors.FailureClasses() {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "inventory_projection_failing",
			Help:        "1 while attempts to write to the database fail, by why the last one did.",
			ConstLabels: prometheus.Labels{"class": class}},
			m.reading(func(e actors.Statistics, _ journal.Statistics) float64 { return oneIf(e.Failure == class) })))
	}
	for _, c := range counterReadings {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help}, m.reading(c.read)))
	}
	for _, collector := range all {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *engineMetrics) reading(read func(actors.Statistics, journal.Statistics) float64) func() float64 {
	return func() float64 {
		source := m.source.Load()
		if source == nil {
			return 0
		}
		return read(source.engine.Statistics(), source.journal.Statistics())
	}
}

// follow makes the metrics read engine and journal.
func (m *engineMetrics) follow(engine *actors.Engine, log *journal.Journal) {
	m.source.Store(&metricsSource{engine: engine, journal: log})
}

// observeSync is called by the journal for each batch.
func (m *engineMetrics) observeSync(records int, _ int64, duration time.Duration) {
	m.syncs.Observe(duration.Seconds())
	m.batches.Observe(float64(records))
}
