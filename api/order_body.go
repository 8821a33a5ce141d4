package api

import (
	"slices"

	"holdfast/actors"
	"holdfast/inventory"
)

// decodeOrder reads the body of POST /api/orders into request: Lines, in the order
// of the body and appended to what room they have, and Partial. The usual form,
// without escapes and with known members only, is read by hand in one pass, without
// allocation but for the room of further lines; everything else, and every error, is
// left to the strict decoder of all routes. So both accept the same bodies and mean
// the same by them (FuzzDecodeOrder), and the reader by hand never explains.
func decodeOrder(body []byte, expected *schema, request *actors.PlaceOrder) (malformed string, fields []fieldError) {
	r, room := orderReader{data: body}, request.Lines[:0]
	lines, partial, ok := r.order(room)
	if !ok {
		var decoded orderBody
		if malformed, fields = decodeStrict(body, expected, &decoded); malformed != "" || len(fields) > 0 {
			return malformed, fields
		}
		lines, partial = appendItems(room, decoded.Items), decoded.Policy == policyPartial
	}
	request.Lines, request.Partial = lines, partial
	return "", nil
}

// appendItems appends the items of a body that the schema has checked.
func appendItems(lines []inventory.Line, items []orderItemBody) []inventory.Line {
	for i := range items {
		id, _ := inventory.ParseID(items[i].ProductID) // the schema has checked it
		lines = append(lines, inventory.Line{ProductID: id, Quantity: items[i].Quantity})
	}
	return lines
}

// The words of an order's policy.
const (
	policyWhole   = "all_or_nothing"
	policyPartial = "allow_partial"
)

// itemBytesMin is the least that one more item takes in the usual form. It bounds
// the room that is made for items that have not been read yet.
const itemBytesMin = len(`,{"product_id":"01890a5d-ac96-774b-bcce-b302099a8057","quantity":1}`)

// orderReader reads the usual form of an order. Every method returns false for
// what it does not know, right or wrong.
type orderReader struct {
	data []byte
	at   int
}

// order reads {"items":[ … ],"policy":"…"}, in either order and with or without
// the policy.
func (r *orderReader) order(room []inventory.Line) (lines []inventory.Line, partial, ok bool) {
	hasItems, hasPolicy := false, false
	for more := r.next('{'); more; more = r.next(',') {
		switch {
		case !hasItems && r.word(`"items"`):
			hasItems = true
			lines, ok = r.items(room)
		case !hasPolicy && r.word(`"policy"`):
			hasPolicy = true
			partial, ok = r.policy()
		default:
			ok = false
		}
		if !ok {
			return nil, false, false
		}
	}
	ok = hasItems && r.next('}')
	r.space()
	return lines, partial, ok && r.at == len(r.data)
}

// policy reads :"…".
func (r *orderReader) policy() (partial, ok bool) {
	if !r.next(':') {
		return false, false
	}
	partial = r.word(`"` + policyPartial + `"`)
	return partial, partial || r.word(`"`+policyWhole+`"`)
}

// items reads :[ … ].
func (r *orderReader) items(lines []inventory.Line) ([]inventory.Line, bool) {
	for more := r.next(':') && r.next('['); more; more = r.next(',') {
		line, ok := r.item()
		if !ok || len(lines) == inventory.OrderLinesMax {
			return nil, false
		}
		if len(lines) == cap(lines) {
			lines = slices.Grow(lines, min(1+(len(r.data)-r.at)/itemBytesMin, inventory.OrderLinesMax-len(lines)))
		}
		lines = append(lines, line)
	}
	return lines, len(lines) > 0 && r.next(']')
}

// item reads {"product_id":"…","quantity":n}, in either order.
func (r *orderReader) item() (line inventory.Line, ok bool) {
	if !r.next('{') {
		return line, false
	}
	hasProduct, hasQuantity := false, false
	for range 2 {
		switch {
		case !hasProduct && r.word(`"product_id"`):
			hasProduct = true
			line.ProductID, ok = r.identifier()
		case !hasQuantity && r.word(`"quantity"`):
			hasQuantity = true
			line.Quantity, ok = r.quantity()
		default:
			return line, false
		}
		if !ok {
			return line, false
		}
		if !hasProduct || !hasQuantity {
			if !r.next(',') {
				return line, false
			}
		}
	}
	return line, r.next('}')
}

// identifier reads :"uuid".
func (r *orderReader) identifier() (inventory.ID, bool) {
	const length = 36
	if !r.next(':') || !r.next('"') || len(r.data)-r.at < length+1 || r.data[r.at+length] != '"' {
		return inventory.ID{}, false
	}
	id, err := inventory.ParseID(textOf(r.data[r.at : r.at+length]))
	r.at += length + 1
	return id, err == nil
}

// quantity reads :n, where n is within the bounds of a line.
func (r *orderReader) quantity() (int64, bool) {
	if !r.next(':') {
		return 0, false
	}
	r.space()
	begin, value := r.at, int64(0)
	for ; r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9'; r.at++ {
		if value = value*10 + int64(r.data[r.at]-'0'); value > inventory.LineQuantityMax {
			return 0, false
		}
	}
	return value, value >= 1 && r.data[begin] != '0'
}

// next reads one byte of punctuation after white space.
func (r *orderReader) next(c byte) bool {
	r.space()
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// word reads exactly text after white space.
func (r *orderReader) word(text string) bool {
	r.space()
	if len(r.data)-r.at >= len(text) && string(r.data[r.at:r.at+len(text)]) == text {
		r.at += len(text)
		return true
	}
	return false
}

func (r *orderReader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}
