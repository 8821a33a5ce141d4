package bench

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// flashTicket is an order that is due.
type flashTicket struct {
	// due is when, since the session began.
	due     time.Duration
	serial  uint32
	product uint32
	// repeat asks for an order again that was accepted before; waited says that no
	// connection was free when this one was due.
	repeat, waited bool
}

// flashWorker sends the orders of one connection, one after the other.
type flashWorker struct {
	session    *flashSession
	connection wireConnection
	request    []byte
	entries    []flashEntry
	// accepted are the indexes of the entries whose orders can be repeated.
	accepted []int
	random   *rand.Rand
	codes    map[string]flashCode
}

func newFlashWorker(s *flashSession, number int) *flashWorker {
	return &flashWorker{session: s, connection: wireConnection{address: s.shop.address},
		random: rand.New(rand.NewPCG(flashSeed, uint64(number))), codes: map[string]flashCode{}}
}

// send sends the order of a ticket and notes what became of it.
func (w *flashWorker) send(ticket flashTicket) {
	entry := flashEntry{due: ticket.due, serial: ticket.serial, product: ticket.product, waited: ticket.waited}
	var original *flashEntry
	if ticket.repeat && len(w.accepted) > 0 {
		original = &w.entries[w.accepted[w.random.IntN(len(w.accepted))]]
		entry.serial, entry.product, entry.repeat = original.serial, original.product, true
	}
	w.request = w.session.appendRequest(w.request[:0], entry.serial, entry.product)
	entry.sent = since(ticket.due, w.session.now())
	answer, err := w.connection.exchange(w.request)
	entry.took = since(ticket.due, w.session.now())
	w.read(&entry, answer, err)
	if original != nil {
		w.compare(&entry, original, answer.replayed)
	} else if answer.replayed && err == nil {
		w.session.faults.add("the new key %s was answered as a repeat", w.session.key(entry.serial))
	}
	if entry.outcome == flashAccepted && !entry.repeat {
		w.accepted = append(w.accepted, len(w.entries))
	}
	w.entries = append(w.entries, entry)
}

// read notes what the answer says.
func (w *flashWorker) read(entry *flashEntry, answer wireAnswer, err error) {
	faults, key := &w.session.faults, w.session.key
	switch {
	case errors.Is(err, errWire):
		faults.add("the answer to key %s: %v", key(entry.serial), err)
		entry.outcome, entry.code = flashUnknown, w.code([]byte(flashNoAnswer))
	case err != nil:
		entry.outcome, entry.code = flashUnknown, w.code([]byte(flashNoAnswer))
	case answer.status == http.StatusCreated:
		id, version, err := readPlaced(answer.body, w.session.products[entry.product].id)
		if err != nil {
			faults.add("the answer to key %s: %v", key(entry.serial), err)
		}
		entry.id, entry.version, entry.code = id, version, w.code(nil)
	default:
		code := fieldText(answer.body, `"code":`)
		entry.code = w.code(code)
		switch {
		case answer.status >= 500:
			entry.outcome = flashUnknown
		case answer.status == http.StatusConflict && slices.Contains(stockCodes, string(code)):
			entry.outcome = flashRefused
		default:
			entry.outcome = flashWrong
			faults.add("key %s was answered %d %.200s", key(entry.serial), answer.status, answer.body)
		}
	}
}

// compare finds a repeat that is answered otherwise than its original.
func (w *flashWorker) compare(entry, original *flashEntry, replayed bool) {
	key := w.session.key(entry.serial)
	switch {
	case entry.outcome == flashUnknown:
	case entry.outcome != flashAccepted:
		w.session.faults.add("the repeat of the accepted key %s was refused", key)
	case entry.id != original.id || entry.version != original.version:
		w.session.faults.add("the repeat of key %s was answered with order %x of stock version %d, and not %x of %d", key,
			entry.id, entry.version, original.id, original.version)
	case !replayed:
		w.session.faults.add("the answer to the repeat of key %s does not say that it is one", key)
	}
}

// code returns the number of a code. Most were seen by this worker before.
func (w *flashWorker) code(name []byte) flashCode {
	if code, seen := w.codes[string(name)]; seen {
		return code
	}
	if len(w.codes) == flashCodesMax {
		return flashCodesMax
	}
	code := w.session.codes.number(string(name))
	w.codes[string(name)] = code
	return code
}

// readPlaced reads what the check needs from the answer to an order of one unit. It
// looks for single fields, since decoding the whole of it would cost more than sending
// the order: what is placed is decoded and compared when all is done.
func readPlaced(body []byte, product string) (id [16]byte, version int64, err error) {
	text := fieldText(body, `"id":`)
	id, isID := parseUUID(text)
	n, isVersion := parseDecimal(fieldText(body, `"stock_version":`), 1<<53)
	switch {
	case !isID || !isVersion:
		return id, 0, fmt.Errorf("it has no ID or stock version: %.700s", body)
	case string(fieldText(body, `"status":`)) != "reserved", string(fieldText(body, `"product_id":`)) != product,
		string(fieldText(body, `"quantity":`)) != "1":
		return id, 0, fmt.Errorf("it is not one unit of %s that is reserved: %.700s", product, body)
	}
	return id, int64(n), nil
}

// fieldText returns the first value of a name, such as `"id":`: the inside of a string
// without escapes, or the digits of a number; else nothing.
func fieldText(body []byte, name string) []byte {
	begin := bytes.Index(body, []byte(name))
	if begin < 0 {
		return nil
	}
	rest := body[begin+len(name):]
	ends := ",}]"
	if len(rest) > 0 && rest[0] == '"' {
		rest, ends = rest[1:], `"\`
	}
	end := bytes.IndexAny(rest, ends)
	if end < 0 || rest[end] == '\\' {
		return nil
	}
	return rest[:end]
}

// uuidBytes is how long a UUID is as text.
const uuidBytes = 36

// parseUUID reads the text of a UUID.
func parseUUID(text []byte) (id [16]byte, is bool) {
	if len(text) != uuidBytes || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	for _, part := range [...][3]int{{0, 8, 0}, {9, 13, 4}, {14, 18, 6}, {19, 23, 8}, {24, 36, 10}} {
		if _, err := hex.Decode(id[part[2]:], text[part[0]:part[1]]); err != nil {
			return id, false
		}
	}
	return id, true
}
