package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// backlogMetric is how many durable records the database does not have yet.
const backlogMetric = "inventory_projection_backlog_records"

// projectedMetric is the last record that the database has.
const projectedMetric = "inventory_projection_sequence"

// drainMax bounds the wait for the database to catch up, drainPause is the time
// between two looks at it.
const (
	drainMax   = 5 * time.Minute
	drainPause = 50 * time.Millisecond
)

// backlog returns how many records wait for the database.
func (s *shop) backlog() (int64, error) {
	metrics, err := s.metrics()
	if err != nil {
		return 0, err
	}
	return readGauge(metrics, backlogMetric)
}

// metrics reads the shop's metrics in Prometheus' text form.
func (s *shop) metrics() (string, error) {
	status, body, err := fasthttp.GetTimeout(nil, "http://"+s.admin+"/metrics", 5*time.Second)
	if err != nil {
		return "", fmt.Errorf("read the metrics: %w", err)
	}
	if status != fasthttp.StatusOK {
		return "", fmt.Errorf("read the metrics: %d %s", status, body)
	}
	return string(body), nil
}

// readGauge finds a gauge without labels among metrics in Prometheus' text form.
func readGauge(metrics, name string) (int64, error) {
	for line := range strings.Lines(metrics) {
		text, found := strings.CutPrefix(strings.TrimSpace(line), name+" ")
		if !found {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		return int64(value), nil
	}
	return 0, errors.New("there is no metric " + name)
}

// awaitDrained waits until the database has everything. Work that is put off to
// after a measurement would else be done during the next one.
func (s *shop) awaitDrained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainMax)
	defer cancel()
	for {
		behind, err := s.backlog()
		if err != nil || behind == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the database is still %d records behind: %w", behind, ctx.Err())
		case <-s.ended:
			return errors.New("the server ended while its database caught up")
		case <-time.After(drainPause):
		}
	}
}
