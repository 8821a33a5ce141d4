package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"
)

// Item is a product and how many units of it.
type Item struct {
	ProductID string `json:"product_id"`
	Quantity  int64  `json:"quantity"`
}

// The policies of an order.
const (
	// AllOrNothing refuses an order that cannot be served whole. It is the default.
	AllOrNothing = "all_or_nothing"
	// AllowPartial takes what there is.
	AllowPartial = "allow_partial"
)

// Money is an amount in minor units.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Order is an order as the server describes it.
type Order struct {
	ID          string      `json:"id"`
	Status      string      `json:"status"`
	CustomerID  string      `json:"customer_id"`
	PlacedAt    time.Time   `json:"placed_at"`
	ExpiresAt   time.Time   `json:"expires_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
	Extended    bool        `json:"extended"`
	Items       []OrderItem `json:"items"`
	Total       Money       `json:"total"`
	RefundDue   *Money      `json:"refund_due"`
	ServerTime  time.Time   `json:"server_time"`
	SecondsLeft int64       `json:"seconds_left"`
	// Replayed says that the key had been used for the order before, by an earlier
	// attempt of the same call too.
	Replayed bool `json:"-"`
}

// OrderItem is one product of an order.
type OrderItem struct {
	ProductID string `json:"product_id"`
	SKU       string `json:"sku"`
	// Quantity is what the order has now: those asked for, less Dropped and Released.
	Quantity     int64  `json:"quantity"`
	Price        Money  `json:"price"`
	StockVersion int64  `json:"stock_version"`
	Dropped      int64  `json:"dropped"`
	DroppedFor   string `json:"dropped_for"`
	Released     int64  `json:"released"`
	Shipped      int64  `json:"shipped"`
	Returned     int64  `json:"returned"`
}

// Place places an order of the items for whom the token is of. key is the order's own:
// see [NewKey]. policy may be empty.
func (c *Client) Place(ctx context.Context, token, key string, items []Item, policy string) (Order, error) {
	return c.change(ctx, token, key, "/api/orders", struct {
		Items  []Item `json:"items"`
		Policy string `json:"policy,omitempty"`
	}{items, policy})
}

// Confirm says that the order is paid for.
func (c *Client) Confirm(ctx context.Context, token, id string) (Order, error) {
	return c.change(ctx, token, "", orderPath(id)+"/confirm", struct{}{})
}

// Cancel gives the order back.
func (c *Client) Cancel(ctx context.Context, token, id string) (Order, error) {
	return c.change(ctx, token, "", orderPath(id)+"/cancel", struct{}{})
}

// Extend makes the order's hold longer, once.
func (c *Client) Extend(ctx context.Context, token, id string) (Order, error) {
	return c.change(ctx, token, "", orderPath(id)+"/extend", struct{}{})
}

// Fulfill ships the items, all that is left when there are none.
func (c *Client) Fulfill(ctx context.Context, token, key, id string, items []Item) (Order, error) {
	return c.change(ctx, token, key, orderPath(id)+"/fulfill", struct {
		Items []Item `json:"items,omitempty"`
	}{items})
}

// Return takes the items back, all that was shipped when there are none. restock says
// that they can be sold again.
func (c *Client) Return(ctx context.Context, token, key, id string, items []Item, restock bool) (Order, error) {
	return c.change(ctx, token, key, orderPath(id)+"/return", struct {
		Items   []Item `json:"items,omitempty"`
		Restock bool   `json:"restock"`
	}{items, restock})
}

// Order reads an order.
func (c *Client) Order(ctx context.Context, token, id string) (order Order, err error) {
	return order, c.Get(ctx, token, orderPath(id), &order)
}

// OrderByKey reads the order that was placed with the key.
func (c *Client) OrderByKey(ctx context.Context, token, key string) (order Order, err error) {
	return order, c.Get(ctx, token, "/api/orders/by-key/"+url.PathEscape(key), &order)
}

// OrderPage is a part of a list of orders.
type OrderPage struct {
	Items []Order `json:"items"`
	// NextCursor is empty at the end.
	NextCursor string `json:"next_cursor"`
}

// Orders lists orders, newest first: the caller's own, or everyone's for admins. The
// first page has an empty cursor. limit is at most 100.
func (c *Client) Orders(ctx context.Context, token, cursor string, limit int) (page OrderPage, err error) {
	path := fmt.Sprintf("/api/orders?limit=%d", limit)
	if cursor != "" {
		path += "&cursor=" + url.QueryEscape(cursor)
	}
	return page, c.Get(ctx, token, path, &page)
}

func orderPath(id string) string { return "/api/orders/" + url.PathEscape(id) }

// change posts a body and returns the order as it is then.
func (c *Client) change(ctx context.Context, token, key, path string, body any) (order Order, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return Order{}, fmt.Errorf("write the request: %w", err)
	}
	order.Replayed, err = c.do(ctx, &call{method: fasthttp.MethodPost, path: path, token: token, key: key, body: data}, &order)
	return order, err
}
