package main

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/persistence"
)

// cacheReadings are the figures of the cache; those that only grow are counters.
var cacheReadings = []struct {
	name, help string
	grows      bool
	read       func(*persistence.CacheStatistics) float64
}{
	{"inventory_cache_hits_total", "Reads that a copy has answered.", true,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Hits) }},
	{"inventory_cache_misses_total", "Reads that had to ask the database.", true,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Misses) }},
	{"inventory_cache_shared_total", "Reads that waited for what another one had begun already.", true,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Shared) }},
	{"inventory_cache_refused_total", "Copies that were not what was asked for.", true,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Refused) }},
	{"inventory_cache_failures_total", "Calls of Redis that failed.", true,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Failures) }},
	{"inventory_cache_avoided_total", "Calls of Redis that were not tried, because those before had failed.", true,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Avoided) }},
	{"inventory_cache_entries", "Copies in the memory of this process.", false,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Entries) }},
	{"inventory_cache_bytes", "Bytes of these copies.", false,
		func(c *persistence.CacheStatistics) float64 { return float64(c.Bytes) }},
}

// busReadings are those of the bus, which only a server with Redis has.
var busReadings = []struct {
	name, help string
	grows      bool
	read       func(*persistence.BusStatistics) float64
}{
	{"inventory_bus_published_total", "States of stock that other processes were told.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Published) }},
	{"inventory_bus_received_total", "States of stock that came from other processes.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Received) }},
	{"inventory_bus_messages_total", "Messages that were sent.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Messages) }},
	{"inventory_bus_gaps_total", "Times that something of another process was missing.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Gaps) }},
	{"inventory_bus_repairs_total", "Times that what was missing was read again.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Repairs) }},
	{"inventory_bus_refused_total", "Messages that nobody with our signing key has sent, and states of too many products.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Refused) }},
	{"inventory_bus_failures_total", "Calls of Redis that failed.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Failures) }},
	{"inventory_bus_connections_total", "Connections that were made to listen.", true,
		func(b *persistence.BusStatistics) float64 { return float64(b.Connections) }},
	{"inventory_bus_products", "Products whose stock is known from the bus.", false,
		func(b *persistence.BusStatistics) float64 { return float64(b.Products) }},
	{"inventory_bus_publishers", "Processes that tell their stock, this one included.", false,
		func(b *persistence.BusStatistics) float64 { return float64(b.Publishers) }},
	{"inventory_bus_stale", "Those of them that are not heard.", false,
		func(b *persistence.BusStatistics) float64 { return float64(b.Stale) }},
	{"inventory_bus_away", "1 while what this process tells does not reach Redis; others hold its stock for stale then.", false,
		func(b *persistence.BusStatistics) float64 { return oneIf(b.Away) }},
}

// usageReadings are those of the rates that processes share through Redis.
var usageReadings = []struct {
	name, help string
	read       func(*persistence.UsageStatistics) uint64
}{
	{"inventory_rates_told_total", "Callers that other processes were told of, with what they have used.", func(u *persistence.UsageStatistics) uint64 { return u.Told }},
	{"inventory_rates_heard_total", "Callers that other processes have told of.", func(u *persistence.UsageStatistics) uint64 { return u.Heard }},
	{"inventory_rates_refused_total", "Messages that were not ours, too old, or heard before.", func(u *persistence.UsageStatistics) uint64 { return u.Refused }},
	{"inventory_rates_failures_total", "Messages that did not reach Redis.", func(u *persistence.UsageStatistics) uint64 { return u.Failures }},
}

// register shows what cache and bus know of themselves. They are read when somebody asks.
func (h *hints) register(registry *prometheus.Registry) error {
	var failures []error
	add := func(name, help string, grows bool, read func() float64) {
		var collector prometheus.Collector = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
		if grows {
			collector = prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read)
		}
		failures = append(failures, registry.Register(collector))
	}
	for _, r := range cacheReadings {
		add(r.name, r.help, r.grows, func() float64 { statistics := h.cache.Statistics(); return r.read(&statistics) })
	}
	if h.server == nil {
		return errors.Join(failures...)
	}
	for _, r := range busReadings {
		add(r.name, r.help, r.grows, func() float64 { statistics := h.bus.Statistics(); return r.read(&statistics) })
	}
	for _, r := range usageReadings {
		add(r.name, r.help, true, func() float64 { statistics := h.usages.Statistics(); return float64(r.read(&statistics)) })
	}
	add("inventory_redis_resting", "1 while reads do without Redis, because calls failed, and one a second looks whether it is back.", false,
		func() float64 { return oneIf(h.server.Resting()) })
	return errors.Join(failures...)
}
