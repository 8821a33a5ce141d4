package api

import (
	"strconv"

	"holdfast/inventory"
)

// appendOrder appends an order as orderReply describes it. It is written by hand
// because placing an order must not cost a reflection.
func appendOrder(dst []byte, order *inventory.Order, now inventory.Instant) []byte {
	dst = appendID(append(dst, `{"id":`...), order.ID)
	dst = append(append(dst, `,"status":"`...), order.State.String()...)
	dst = appendID(append(dst, `","customer_id":`...), order.Customer)
	dst = appendInstant(append(dst, `,"placed_at":`...), order.PlacedAt)
	dst = appendInstant(append(dst, `,"expires_at":`...), order.ExpiresAt)
	dst = strconv.AppendBool(append(dst, `,"extended":`...), order.Extended)
	dst = appendInstant(append(dst, `,"updated_at":`...), order.UpdatedAt)
	dst = append(dst, `,"items":[`...)
	for i := range order.Lines {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendOrderItem(dst, &order.Lines[i], order.Currency)
	}
	sum := order.Total()
	dst = appendMoney(append(dst, `],"total":`...), sum.Minor, sum.Currency)
	dst = append(dst, `,"refund_due":`...)
	if order.RefundDue > 0 {
		dst = appendMoney(dst, order.RefundDue, order.Currency)
	} else {
		dst = append(dst, "null"...)
	}
	dst = appendInstant(append(dst, `,"server_time":`...), now)
	dst = strconv.AppendInt(append(dst, `,"seconds_left":`...), secondsLeft(order, now), 10)
	return append(dst, '}')
}

func appendOrderItem(dst []byte, line *inventory.Line, currency inventory.Currency) []byte {
	dst = appendID(append(dst, `{"product_id":`...), line.ProductID)
	dst = appendText(append(dst, `,"sku":`...), line.SKU)
	dst = strconv.AppendInt(append(dst, `,"quantity":`...), line.Quantity, 10)
	dst = appendMoney(append(dst, `,"price":`...), line.Price, currency)
	dst = strconv.AppendUint(append(dst, `,"stock_version":`...), line.StockVersion, 10)
	if line.Dropped|line.Released|line.Shipped|line.Returned == 0 {
		// Nearly every line, in one piece.
		return append(dst, `,"dropped":0,"dropped_for":null,"released":0,"shipped":0,"returned":0}`...)
	}
	return appendItemHistory(dst, line)
}

// appendItemHistory appends what became of the units that were asked for.
func appendItemHistory(dst []byte, line *inventory.Line) []byte {
	dst = strconv.AppendInt(append(dst, `,"dropped":`...), int64(line.Dropped), 10)
	dst = append(dst, `,"dropped_for":`...)
	if line.Dropped > 0 {
		dst = append(append(append(dst, '"'), line.DroppedFor.Code()...), '"')
	} else {
		dst = append(dst, "null"...)
	}
	dst = strconv.AppendInt(append(dst, `,"released":`...), int64(line.Released), 10)
	dst = strconv.AppendInt(append(dst, `,"shipped":`...), int64(line.Shipped), 10)
	dst = strconv.AppendInt(append(dst, `,"returned":`...), int64(line.Returned), 10)
	return append(dst, '}')
}

func appendMoney(dst []byte, minor int64, currency inventory.Currency) []byte {
	dst = strconv.AppendInt(append(dst, `{"amount":`...), minor, 10)
	dst = append(append(dst, `,"currency":"`...), currency[:]...)
	return append(dst, '"', '}')
}

func appendID(dst []byte, id inventory.ID) []byte {
	return append(id.AppendText(append(dst, '"')), '"')
}

// secondsLeft is what a countdown shows: whole seconds, and never one too many.
func secondsLeft(order *inventory.Order, now inventory.Instant) int64 {
	if order.State != inventory.Reserved || now >= order.ExpiresAt {
		return 0
	}
	return int64((order.ExpiresAt - now) / inventory.Second)
}
