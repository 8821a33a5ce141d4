package api

import (
	"sync"
	"sync/atomic"
	"time"

	"holdfast/actors"
	"holdfast/internal/process"
	"holdfast/inventory"
)

const (
	// rateSpanMin is the least time that a rate is taken over: who polls every second gets
	// those of the second before. latencySpan is the most that quantiles look back.
	rateSpanMin = inventory.Second / 2
	latencySpan = 5 * inventory.Second
	// figuresMax bounds the readings that are kept: as many as fit in latencySpan, and the
	// newest of before.
	figuresMax = int(latencySpan/rateSpanMin) + 2
)

// Figures are what this node does now.
type Figures struct {
	// At is when they were read, by the server's clock.
	At inventory.Instant
	// OrdersPerSecond are the orders that were placed, repeats not counted, and
	// RefusalsPerSecond the answers to POST /api/orders that were none, by their codes;
	// codes that did not occur are not there.
	OrdersPerSecond   float64
	RefusalsPerSecond map[inventory.Code]float64
	// MedianLatency and TailLatency are the times from the arrival of POST /api/orders to
	// its answer that half and 99 of 100 did not exceed in the last few seconds; zero when
	// there was none.
	MedianLatency, TailLatency time.Duration
	// ChangesPerSecond are the records of the journal: the changes of stock and orders.
	ChangesPerSecond float64
	// Backlog is the durable records that the database does not have yet.
	Backlog uint64
	// Oversold is the products of which more is promised than there is. It must be 0.
	Oversold int64
	// ResidentBytes is the memory of the process, and ProcessorShare how many processors
	// work for it: 2 is two all of the time. Both are 0 where the system does not tell.
	ResidentBytes  uint64
	ProcessorShare float64
}

// pulse counts what orders do. It costs each of them a few atomic additions.
type pulse struct {
	placed    atomic.Uint64
	refused   map[inventory.Code]*atomic.Uint64
	latencies latencies

	mutex sync.Mutex
	// readings are the last ones that are at least rateSpanMin apart, oldest first.
	readings []reading
}

// reading is what was counted until a moment.
type reading struct {
	at        inventory.Instant
	placed    uint64
	refused   map[inventory.Code]uint64
	latencies latencyCounts
	// changes is the last sequence of the journal; known says that there was an engine.
	changes   uint64
	known     bool
	processor time.Duration
}

func newPulse() *pulse {
	p := &pulse{refused: make(map[inventory.Code]*atomic.Uint64, len(codeTable))}
	for i := range codeTable {
		p.refused[codeTable[i].code] = new(atomic.Uint64)
	}
	return p
}

// answered counts an answer to POST /api/orders.
func (p *pulse) answered(elapsed inventory.Instant) { p.latencies.observe(elapsed) }

// refuse counts a refusal of POST /api/orders.
func (p *pulse) refuse(code inventory.Code) { p.refused[rowOfCode(code).code].Add(1) }

// SystemFigures returns what the node does now. Rates are those since the call before, if
// that was half a second ago or more, and zero after a pause of more than a few seconds: it
// is for who asks every second. It takes up to some milliseconds, and waits for nobody.
func (s *Server) SystemFigures() Figures {
	usage, now := process.Now(), s.pulse.read(s.clock.Now())
	figures := Figures{At: now.at, ResidentBytes: usage.ResidentBytes}
	now.processor = usage.Processor
	if engine := s.engine.Load(); engine != nil {
		now.changes, now.known = changesOf(*engine, &figures)
	}
	s.pulse.compare(&now, &figures)
	return figures
}

// changesOf fills in what the engine knows, and returns the last sequence of the journal.
func changesOf(engine actors.Facade, figures *Figures) (sequence uint64, known bool) {
	projection := engine.Projection()
	figures.Backlog, figures.Oversold = projection.Backlog, engine.Oversold()
	return projection.Projected + projection.Backlog, true
}

// read returns what is counted until now.
func (p *pulse) read(now inventory.Instant) reading {
	r := reading{at: now, placed: p.placed.Load(), refused: make(map[inventory.Code]uint64)}
	for code, counter := range p.refused {
		if count := counter.Load(); count > 0 {
			r.refused[code] = count
		}
	}
	p.latencies.read(&r.latencies)
	return r
}

// compare fills in what has changed since earlier readings, and keeps the new one.
func (p *pulse) compare(now *reading, figures *Figures) {
	figures.RefusalsPerSecond = map[inventory.Code]float64{}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for len(p.readings) > 0 && p.readings[0].at < now.at-latencySpan {
		p.readings = p.readings[1:]
	}
	if len(p.readings) > 0 {
		counts := now.latencies.since(&p.readings[0].latencies)
		figures.MedianLatency, figures.TailLatency = counts.quantile(0.5), counts.quantile(0.99)
	}
	for i := len(p.readings) - 1; i >= 0; i-- {
		if now.at-p.readings[i].at >= rateSpanMin {
			p.readings[i].rates(now, figures)
			break
		}
	}
	if last := len(p.readings) - 1; last < 0 || now.at-p.readings[last].at >= rateSpanMin {
		p.readings = append(p.readings[max(0, len(p.readings)+1-figuresMax):], *now)
	}
}

// rates fills in what has happened in each second between two readings.
func (r *reading) rates(now *reading, figures *Figures) {
	seconds := float64(now.at-r.at) / float64(inventory.Second)
	figures.OrdersPerSecond = float64(now.placed-r.placed) / seconds
	for code, count := range now.refused {
		if count > r.refused[code] {
			figures.RefusalsPerSecond[code] = float64(count-r.refused[code]) / seconds
		}
	}
	if r.known && now.known && now.changes > r.changes {
		figures.ChangesPerSecond = float64(now.changes-r.changes) / seconds
	}
	figures.ProcessorShare = (now.processor - r.processor).Seconds() / seconds
}
