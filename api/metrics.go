package api

import (
	"errors"
	"strconv"

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
	return m, errors.Join(registry.Register(m.durations), registry.Register(gauge))
}

// routeMetrics are the series of one route, found once and then by index.
type routeMetrics struct {
	vector   *prometheus.HistogramVec
	method   string
	path     string
	byStatus [statusMax - statusMin + 1]prometheus.Observer
}

func (m *metrics) forRoute(method, path string, statuses []int) *routeMetrics {
	r := &routeMetrics{vector: m.durations, method: method, path: path}
	for _, status := range statuses {
		r.byStatus[status-statusMin] = r.find(status)
	}
	return r
}

func (r *routeMetrics) find(status int) prometheus.Observer {
	return r.vector.WithLabelValues(r.method, r.path, strconv.Itoa(status))
}

// observe counts one answer.
func (b *boundRoute) observe(status int, seconds float64) {
	observer := b.metrics.byStatus[min(max(status, statusMin), statusMax)-statusMin]
	if observer == nil {
		observer = b.metrics.find(status)
	}
	observer.Observe(seconds)
}
