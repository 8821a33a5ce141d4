package api

import (
	"context"

	"holdfast/actors"
	"holdfast/api/ticker"
	"holdfast/inventory"
	"holdfast/persistence"
)

// TellOrder tells the WebSockets of a state of an order: give it to [actors.Options].
func (s *Server) TellOrder(news actors.OrderNews) { s.ticker.TellOrder(socketNews(news)) }

func socketNews(news actors.OrderNews) ticker.OrderNews {
	return ticker.OrderNews{Order: news.Order, Customer: news.Customer, State: news.Status, Total: news.Total,
		ExpiresAt: news.ExpiresAt, At: news.At, Sequence: news.Sequence}
}

// socketOrders is where WebSockets learn of orders. They are served once there is an engine.
type socketOrders struct{ server *Server }

func (o socketOrders) engine() actors.Facade { return *o.server.engine.Load() }

// WatchCustomer implements [ticker.OrderSource].
func (o socketOrders) WatchCustomer(customer inventory.ID) { o.engine().WatchCustomer(customer) }

// UnwatchCustomer implements [ticker.OrderSource].
func (o socketOrders) UnwatchCustomer(customer inventory.ID) { o.engine().UnwatchCustomer(customer) }

// NewestOrders implements [ticker.OrderSource].
func (o socketOrders) NewestOrders(ctx context.Context, customer inventory.ID, limit int) ([]ticker.OrderNews, bool) {
	orders, refusal := o.engine().Orders(ctx, persistence.OrderFilter{Customer: customer, Limit: limit})
	if refusal.Refused() {
		return nil, false
	}
	news := make([]ticker.OrderNews, len(orders))
	for i := range orders {
		news[i] = socketNews(actors.NewsOf(&orders[i]))
	}
	return news, true
}

// FindOrder implements [ticker.OrderSource].
func (o socketOrders) FindOrder(ctx context.Context, id, customer inventory.ID) (news ticker.OrderNews, found, known bool) {
	order, refusal := o.engine().Order(ctx, id, customer)
	switch {
	case refusal.Code == inventory.CodeNotFound:
		return news, false, true
	case refusal.Refused():
		return news, false, false
	}
	return socketNews(actors.NewsOf(&order)), true, true
}
