package api

import (
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// durationBuckets are few: every one costs a series per route and status.
var durationBuckets = []float64{0.000_25, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5}

// Statuses that a response can have.
const (
	statusMin = 100
	statusMax = 599
)

// metrics are the figures of the front end. Labels are routes, methods and
// statuses only: never an account or a product.
type metrics struct {
	durations *prometheus.HistogramVec
	// acceptFailures counts what could not be accepted, hashesRefused passwords that
	// waited in vain, and loginsLimited logins that were not looked at.
	acceptFailures, hashesRefused, loginsLimited prometheus.Counter
	// refreshReuses counts refresh tokens that were used again.
	refreshReuses prometheus.Counter
	// upgrades counts requests for a WebSocket, by what became of them.
	upgrades *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry, inFlight func() float64) (*metrics, error) {
	m := &metrics{durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_server_request_duration_seconds",
		Help:    "Time from the arrival of a request to its answer.",
		Buckets: durationBuckets,
	}, []string{"http_request_method", "http_route", "http_response_status_code"})}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "http_server_active_requests",
		Help: "Requests that are being served.",
	}, inFlight)
	failures := []error{registry.Register(m.durations), registry.Register(gauge)}
	for _, row := range []struct {
		counter    *prometheus.Counter
		name, help string
	}{
		{&m.acceptFailures, "http_server_accept_failures_total", "Connections that could not be accepted at the first try."},
		{&m.hashesRefused, "http_server_password_hashes_refused_total", "Passwords that were not hashed in time."},
		{&m.refreshReuses, "http_server_refresh_reuses_total", "Refresh tokens that were used again, which ended their session: somebody may have stolen them."},
		{&m.loginsLimited, "http_server_logins_limited_total", "Logins that were refused because too many before had failed."},
	} {
		*row.counter = prometheus.NewCounter(prometheus.CounterOpts{Name: row.name, Help: row.help})
		failures = append(failures, registry.Register(*row.counter))
	}
	return m, errors.Join(failures...)
}

// routeMetrics are the series of one route, found once and then by index. Those of
// its replies exist from the start; a refusal's begins with the first of them.
type routeMetrics struct {
	vector       *prometheus.HistogramVec
	method, path string
	byStatus     [statusMax - statusMin + 1]atomic.Pointer[prometheus.Observer]
}

func (m *metrics) forRoute(method, path string, replies []reply) *routeMetrics {
	r := &routeMetrics{vector: m.durations, method: method, path: path}
	for _, reply := range replies {
		r.find(reply.status)
	}
	return r
}

func (r *routeMetrics) find(status int) prometheus.Observer {
	known := &r.byStatus[min(max(status, statusMin), statusMax)-statusMin]
	if observer := known.Load(); observer != nil {
		return *observer
	}
	observer := r.vector.WithLabelValues(r.method, r.path, strconv.Itoa(status))
	known.Store(&observer)
	return observer
}

// observe counts one answer.
func (b *boundRoute) observe(status int, seconds float64) {
	b.metrics.find(status).Observe(seconds)
}
