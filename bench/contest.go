package bench

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// contest is what a share is measured of: what the shop has, and what it must answer to
// every order, as the ceiling does.
type contest struct {
	// name is what the table calls the shop, title what is counted.
	name, title string
	stock       int64
	// status and code are those of every answer.
	status       int
	code         string
	ceilingFlags []string
}

// contest returns what is measured.
func (s Share) contest() contest {
	if s.SoldOut {
		return contest{name: "refusals", title: "refusals of a sold-out product", stock: 0, status: http.StatusConflict, code: "sold_out",
			ceilingFlags: []string{"--sold-out"}}
	}
	return contest{name: "orders", title: "durable orders", stock: plenty, status: http.StatusCreated}
}

// makesOrders reports whether every answer is an order.
func (c *contest) makesOrders() bool { return c.status == http.StatusCreated }

// check finds answers that are refusals and should not be, or the other way round. It
// is all that the generator sees of a status without costing more than the servers.
func (c *contest) check(m measured) error {
	want := m.Requests
	if c.makesOrders() {
		want = 0
	}
	if m.Refused != want || m.Broken > 0 || m.Requests == 0 {
		return fmt.Errorf("of %d answers %d were refusals, where %d were expected, and %d connections broke", m.Requests, m.Refused, want, m.Broken)
	}
	return nil
}

// shopState is what a shop says of itself.
type shopState struct {
	stock productStock
	// answers counts those to POST /api/orders by status.
	answers map[int]int64
}

// look asks the shop how it stands. A shop that must refuse is asked for an order, as is
// its ceiling at the address.
func (c *contest) look(address string, shop *shop) (state shopState, err error) {
	if !c.makesOrders() {
		for _, where := range []string{address, shop.address} {
			if err := c.probe(where, shop); err != nil {
				return state, err
			}
		}
	}
	if state.stock, err = shop.stock(shop.product); err != nil {
		return state, err
	}
	state.answers, err = shop.orderAnswers()
	return state, err
}

// probe places one order and expects the answer of the contest, code and all.
func (c *contest) probe(address string, shop *shop) error {
	answer, err := askForOne(address, shop)
	if err != nil {
		return fmt.Errorf("place one order: %w", err)
	}
	if code := string(fieldText(answer.body, `"code":`)); answer.status != c.status || code != c.code {
		return fmt.Errorf("an order was answered %d %q, and not %d %q", answer.status, code, c.status, c.code)
	}
	return nil
}

// askForOne sends an order of the shop's product, with a key of its own, to a server at
// the address.
func askForOne(address string, shop *shop) (wireAnswer, error) {
	connection := wireConnection{address: address}
	defer connection.close()
	body := orderBody(shop.product)
	return connection.exchange(fmt.Appendf(nil, "POST /api/orders HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s-probe\r\n\r\n%s", len(body), shop.tokens[0], nonce(), body))
}

// compare finds answers of another status than that of the contest, and answers without
// the order that they tell of. The shop may have answered more than the generator waited
// for.
func (c *contest) compare(m measured, before, after shopState) error {
	for status, count := range after.answers {
		if grown := count - before.answers[status]; grown > 0 && status != c.status {
			return fmt.Errorf("%d orders were answered %d, and not %d", grown, status, c.status)
		}
	}
	if grown := after.answers[c.status] - before.answers[c.status]; grown < m.Requests {
		return fmt.Errorf("only %d of %d answers were %d by the server's own count", grown, m.Requests, c.status)
	}
	switch made := after.stock.Reserved - before.stock.Reserved; {
	case c.makesOrders() && made < m.Requests:
		return fmt.Errorf("%d answers made only %d orders", m.Requests, made)
	case c.makesOrders() && made > after.answers[c.status]-before.answers[c.status]+m.unanswered: // those under way at the end
		return fmt.Errorf("%d answers made %d orders", after.answers[c.status]-before.answers[c.status], made)
	case !c.makesOrders() && after.stock != before.stock:
		return fmt.Errorf("refusals changed the stock from %+v to %+v", before.stock, after.stock)
	}
	return nil
}

// answersMetric counts answers, by method, status and route.
const (
	answersMetric = `http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="`
	answersRoute  = `",http_route="/api/orders"} `
)

// orderAnswers returns how many orders were answered with each status so far.
func (s *shop) orderAnswers() (map[int]int64, error) {
	metrics, err := s.metrics()
	if err != nil {
		return nil, err
	}
	return readAnswers(metrics)
}

// readAnswers finds the counts of answers among metrics in Prometheus' text form.
func readAnswers(metrics string) (map[int]int64, error) {
	answers := map[int]int64{}
	for line := range strings.Lines(metrics) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), answersMetric)
		if !found {
			continue
		}
		status, count, found := strings.Cut(rest, answersRoute)
		if !found {
			continue // of another route
		}
		number, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("read a status of the metrics: %w", err)
		}
		value, err := strconv.ParseFloat(count, 64)
		if err != nil {
			return nil, fmt.Errorf("read a count of the metrics: %w", err)
		}
		answers[number] = int64(value)
	}
	return answers, nil
}
