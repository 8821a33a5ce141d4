package ticker

import (
	"fmt"
	"maps"
	"slices"
)

// connect makes a connection the one that is used.
func (c *Client) connect(conn *connection, hello *wire) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.connection = conn
	c.link = &Link{Connected: true, Session: hello.Session, Node: hello.Node, User: hello.User}
	c.tell()
	c.move()
}

// disconnect forgets it, and what its server sent.
func (c *Client) disconnect(conn *connection) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.connection == conn {
		c.connection = nil
		c.move()
	}
	for _, held := range slices.Collect(maps.Values(c.channels)) {
		held.subscribed, held.asked, held.staged = false, false, nil
		if held.unwanted {
			c.forget(held)
			held.settle(nil)
		}
	}
}

// move wakes those who wait for a connection.
func (c *Client) move() {
	close(c.moved)
	c.moved = make(chan struct{})
}

// take takes a message about a channel.
func (c *Client) take(conn *connection, message *wire, data []byte) error {
	switch message.Kind {
	case "s", "u", "b", "m", "st", "o", "sys":
	default:
		return nil // a kind that is not known
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	name, err := conn.about(message)
	if err != nil {
		return err
	}
	held := c.channels[name]
	if held == nil {
		return nil // it was unsubscribed a moment ago, or is the connection itself
	}
	if err := held.take(conn, message, data); err != nil {
		return fmt.Errorf("a message about %s: %w", name, err)
	}
	if message.Kind == "st" && message.State == StateGone {
		c.forget(held)
	}
	if held.hasNews() {
		c.mark(held)
	}
	return nil
}

// about is the channel of a message.
func (c *connection) about(message *wire) (string, error) {
	switch {
	case message.Board != "":
		return message.Board, nil
	case message.name != "":
		return message.name, nil
	case message.Kind == "sys":
		return "sys", nil
	case message.Kind != "s" && message.Kind != "u" && message.Kind != "m":
		return "", nil
	}
	id, err := c.identify(&message.row)
	return productPrefix + id, err
}

// identify is the product of a row, whose number may have been told before.
func (c *connection) identify(r *row) (string, error) {
	if r.Product == "" {
		id, known := c.products[r.Number]
		if !known {
			return "", fmt.Errorf("nobody has said which product has the number %d", r.Number)
		}
		return id, nil
	}
	if r.Number != 0 && c.products[r.Number] != r.Product {
		if len(c.products) >= numbersMax {
			return "", fmt.Errorf("the server has told more than %d products", numbersMax)
		}
		c.products[r.Number] = r.Product
	}
	return r.Product, nil
}

// take takes what a message says about the channel.
func (c *channel) take(conn *connection, message *wire, data []byte) error {
	coded := conn.client.codec
	switch message.Kind {
	case "st":
		c.status = &Status{State: message.State, Why: message.Why}
		return nil
	case "o":
		c.takeOrder(Order{ID: message.Order, Status: message.Status, Total: message.Total, Currency: message.Currency,
			ExpiresAt: moment(message.ExpiresMS), At: moment(message.TimeMS)})
		return nil
	case "sys":
		told := &System{}
		if err := coded.decode(data, told); err != nil {
			return err
		}
		c.system = told
		return nil
	}
	if !isBoard(c.name) {
		if message.Kind == "m" {
			c.takeFacts(message.Product, &message.facts)
		} else {
			c.takeProduct(&message.row, c.name[len(productPrefix):], message.Kind == "s")
		}
		return nil
	}
	elements, err := coded.list(message.Items)
	if err != nil {
		return err
	}
	if message.Kind == "m" {
		return c.takeBoardFacts(coded, elements)
	}
	rows, err := conn.rows(elements)
	if err != nil {
		return err
	}
	return c.takeBoard(rows, message.Kind == "s", message.More)
}

// rows reads the rows of a board.
func (c *connection) rows(elements []raw) (rows []boardRow, err error) {
	rows = make([]boardRow, len(elements))
	for i, element := range elements {
		var is bool
		if rows[i].row, is, err = c.client.codec.positions(element); err == nil && !is {
			err = c.client.codec.decode(element, &rows[i].row)
		}
		if err == nil {
			rows[i].id, err = c.identify(&rows[i].row)
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return rows, nil
}

// takeBoardFacts takes the slow facts of products of a board.
func (c *channel) takeBoardFacts(coded codec, elements []raw) error {
	for i, element := range elements {
		var r factsRow
		if err := coded.decode(element, &r); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		c.takeFacts(r.Product, &r.facts)
	}
	return nil
}

// hasNews reports whether there is something to tell.
func (c *channel) hasNews() bool {
	return c.status != nil || c.productChanged || c.replaced || c.lost || c.system != nil || len(c.facts)+len(c.changed)+len(c.gone)+len(c.orders) > 0
}
