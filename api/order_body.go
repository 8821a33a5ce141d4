package api

import (
	"fmt"

	"holdfast/inventory"
)

// decodeOrder reads the body of POST /api/orders. The usual form, without
// escapes and with known members only, is read by hand in one pass without
// allocation but for dst's growth; everything else, and every error, is left to
// the strict decoder of all routes. So both accept the same bodies and mean the
// same by them (FuzzDecodeOrder), and the reader by hand never explains.
func decodeOrder(body []byte, expected *schema, dst []inventory.Line) (lines []inventory.Line, malformed string, fields []fieldError) {
	r := orderReader{data: body}
	if lines, ok := r.order(dst[:0]); ok {
		return lines, "", nil
	}
	var decoded orderBody
	if malformed, fields = decodeStrict(body, expected, &decoded); malformed != "" || len(fields) > 0 {
		return nil, malformed, fields
	}
	lines = dst[:0]
	for i := range decoded.Items {
		id, _ := inventory.ParseID(decoded.Items[i].ProductID) // the schema has checked it
		lines = append(lines, inventory.Line{ProductID: id, Quantity: decoded.Items[i].Quantity})
	}
	return lines, "", nil
}

// orderReader reads the usual form of an order. Every method returns false for
// what it does not know, right or wrong.
type orderReader struct {
	data []byte
	at   int
}

// order reads {"items":[ … ]}.
func (r *orderReader) order(lines []inventory.Line) ([]inventory.Line, bool) {
	if !r.next('{') || !r.word(`"items"`) || !r.next(':') || !r.next('[') {
		return nil, false
	}
	for {
		line, ok := r.item()
		if !ok || len(lines) == inventory.OrderLinesMax {
			return nil, false
		}
		lines = append(lines, line)
		if r.next(',') {
			continue
		}
		if !r.next(']') || !r.next('}') {
			return nil, false
		}
		r.space()
		return lines, r.at == len(r.data)
	}
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

// productsPerOrderMax is how many products an order of this version may name.
const productsPerOrderMax = 1

// mergeOrder merges items of the same product and checks what the schema cannot.
func mergeOrder(lines []inventory.Line) ([]inventory.Line, *fieldError) {
	merged, refusal := inventory.MergeLines(lines)
	switch {
	case refusal.Refused():
		return nil, &fieldError{pointer: "#/items", code: fieldInvalid, detail: refusal.Detail}
	case len(merged) > productsPerOrderMax:
		return nil, &fieldError{pointer: "#/items", code: fieldInvalid,
			detail: fmt.Sprintf("An order of this version names %d product; these are %d. Place one order for each.", productsPerOrderMax, len(merged))}
	}
	return merged, nil
}
