package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// csvText describes a body of CSV (RFC 4180) in the table of routes.
type csvText struct{}

// export is a CSV file on its way to the caller, page by page: however much there is, the
// server holds one page of it. What goes wrong on the way, the end of the caller's rights
// included, ends the connection before the last chunk, so that half a file is never taken for
// a whole one.
type export struct {
	server     *Server
	connection net.Conn
	principal  token.Principal
	doing      string
	requestID  string
	// next writes the rows of the next page, and reports whether it was the last one.
	next func(ctx context.Context, rows *csv.Writer) (last bool, err error)

	buffer bytes.Buffer
	rows   *csv.Writer
	done   bool
	closed bool
}

// refused is an error of next that is the engine's refusal.
type refused struct{ inventory.Refusal }

func (r refused) Error() string { return "the engine refused: " + string(r.Code) }

// export answers with a file of that name. After the handler has returned, the exchange
// is another request's: next must not use it.
func (x *exchange) export(name string, head []string, next func(context.Context, *csv.Writer) (bool, error)) {
	if x.server.exports.enter(netip.Addr{}) != roomLeft {
		x.refuse(inventory.Refusal{Code: inventory.CodeOverloaded, Detail: "Others export at the moment. Try again when they are done."})
		return
	}
	e := &export{server: x.server, connection: x.ctx.Conn(), principal: x.principal, doing: "exporting " + name,
		requestID: string(x.requestID), next: next}
	e.rows = csv.NewWriter(&e.buffer)
	_ = e.rows.Write(head) // into memory
	sent := false
	defer func() {
		if !sent { // also when the first page panicked
			_ = e.Close() // returns nil
		}
	}()
	if err := e.fill(exportWaitMax); err != nil {
		var refusal refused
		if errors.As(err, &refusal) {
			x.refuse(refusal.Refusal)
		} else {
			x.failStore(e.doing, err)
		}
		return
	}
	response := &x.ctx.Response
	response.SetStatusCode(200)
	response.Header.SetContentTypeBytes(typeCSV)
	response.Header.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	response.SetBodyStream(e, -1)
	sent = true
}

// Read implements [io.Reader]. It runs when the handler has returned.
func (e *export) Read(data []byte) (int, error) {
	for e.buffer.Len() == 0 {
		if e.done {
			return 0, io.EOF
		}
		e.server.allowWrite(e.connection) // the time for an answer is that for a page of it
		err := errEnded
		if !e.server.revocations.Has(e.principal) {
			err = e.fillBehind()
		}
		if err != nil {
			e.server.log.Error("an export was cut", "doing", e.doing, "error", err, "request_id", e.requestID)
			return 0, err
		}
	}
	return e.buffer.Read(data)
}

// fillBehind is fill when no handler waits for it, so that nobody else would tell of a panic.
func (e *export) fillBehind() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return e.fill(storeTimeout)
}

// errEnded is why the file of somebody who may not read it any more ends.
var errEnded = errors.New("the caller's access has ended")

// Close implements [io.Closer]: whatever became of the file, its place is free.
func (e *export) Close() error {
	if !e.closed {
		e.closed = true
		e.server.exports.leave(netip.Addr{})
	}
	return nil
}

// fill reads the next page.
func (e *export) fill(timeout time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(e.server.living, timeout)
	defer cancel()
	if e.done, err = e.next(ctx, e.rows); err != nil {
		return err
	}
	e.rows.Flush()
	return e.rows.Error()
}

// orderColumns are those of an export of orders: a row for each line of an order.
var orderColumns = []string{"order_id", "status", "customer_id", "placed_at", "updated_at", "product_id", "sku", "quantity",
	"price", "currency", "dropped", "released", "shipped", "returned", "refund_due"}

// exportOrders writes the orders that the filters select, newest first.
func exportOrders(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	p, ok := x.page("")
	if !ok {
		return
	}
	filter := persistence.OrderFilter{Whole: true, Limit: exportOrdersMax}
	if !x.orderFilters(&p, &filter) {
		return
	}
	x.export("orders", orderColumns, func(ctx context.Context, rows *csv.Writer) (bool, error) {
		orders, refusal := engine.Orders(ctx, filter)
		if refusal.Refused() {
			return false, refused{refusal}
		}
		for i := range orders {
			if err := writeOrder(rows, &orders[i]); err != nil {
				return false, err
			}
			filter.Before = orders[i].ID
		}
		return len(orders) < filter.Limit, nil
	})
}

func writeOrder(rows *csv.Writer, order *inventory.Order) error {
	for i := range order.Lines {
		line := &order.Lines[i]
		if err := rows.Write([]string{order.ID.String(), order.State.String(), order.Customer.String(), instantText(order.PlacedAt),
			instantText(order.UpdatedAt), line.ProductID.String(), line.SKU, decimal(line.Quantity), majorUnits(line.Price),
			string(order.Currency[:]), decimal(int64(line.Dropped)), decimal(int64(line.Released)), decimal(int64(line.Shipped)),
			decimal(int64(line.Returned)), majorUnits(order.RefundDue)}); err != nil {
			return err
		}
	}
	return nil
}

// productColumns are those of an export of the catalogue, which holdfast import takes.
var productColumns = []string{"sku", "name", "description", "category", "price", "currency", "stock", "safety", "purchase_limit",
	"hold_seconds", "sale_starts_at", "sale_ends_at", "paused"}

// exportProducts writes the catalogue, with the units that are there now as stock.
func exportProducts(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	store := x.server.store
	filter := persistence.ProductFilter{Limit: pageLimitMax}
	x.export("products", productColumns, func(ctx context.Context, rows *csv.Writer) (bool, error) {
		products, err := store.Products(ctx, filter)
		if err != nil {
			return false, err
		}
		for i := range products {
			stock, found := engine.Stock(products[i].ID)
			if !found {
				return false, fmt.Errorf("the engine does not know %s yet", products[i].SKU)
			}
			if err := writeProduct(rows, &products[i], stock.OnHand); err != nil {
				return false, err
			}
			filter.After = filter.Order.PlaceOf(&products[i])
		}
		return len(products) < filter.Limit, nil
	})
}

func writeProduct(rows *csv.Writer, product *persistence.CatalogueProduct, onHand int64) error {
	return rows.Write([]string{product.SKU, product.Name, product.Description, product.Category, majorUnits(product.Price.Minor),
		string(product.Price.Currency[:]), decimal(onHand), decimal(product.Safety), decimal(product.PurchaseLimit),
		decimal(int64(product.HoldSeconds)), saleBound(product.SaleStartsAt), saleBound(product.SaleEndsAt), strconv.FormatBool(product.Paused)})
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// majorUnits writes an amount with two decimal places, as holdfast import reads it.
func majorUnits(minor int64) string {
	return fmt.Sprintf("%d.%02d", minor/100, minor%100)
}

// saleBound writes a bound of a sale; zero is open.
func saleBound(at inventory.Instant) string {
	if at == 0 {
		return ""
	}
	return instantText(at)
}
