package api

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"holdfast/actors"
	"holdfast/api/pages"
	"holdfast/inventory"
	"holdfast/persistence"
)

// boardCopy is the board as everybody sees it who has not searched, so that a crowd costs one
// reading of it in boardCopyMax.
type boardCopy struct {
	lock    sync.Mutex
	at      inventory.Instant
	content *pages.Content
	status  int
}

// boardFilters are the parameters that select what is on the board, as of GET /api/products,
// whose cursors are good here too.
var boardFilters = []string{"q", "category", "in_stock", "sort"}

// productsPath is the list that the board continues with.
const productsPath = "/api/products"

// showBoard shows what is on sale.
func showBoard(x *exchange) {
	p := x.boardPage()
	content, status, err := x.server.boardOf(x, &p)
	if err != nil {
		x.server.log.Error("the board could not be made", "error", err, "request_id", string(x.requestID))
		x.fail(codeInternal, "The page could not be made.")
		return
	}
	x.ctx.Response.SetStatusCode(status)
	x.show(content)
}

// boardPage reads what is searched for. What makes no sense is left out: a link from
// elsewhere shows the board all the same.
func (x *exchange) boardPage() page {
	p := page{path: "/", query: url.Values{}, limit: pageLimitDefault}
	for _, name := range boardFilters {
		value := strings.ToValidUTF8(string(x.ctx.QueryArgs().Peek(name)), "")
		switch {
		case value == "", len(value) > boardFilterBytesMax,
			name == "sort" && !slices.Contains(productOrderWords, value), name == "in_stock" && value != "true":
			continue
		}
		p.query.Set(name, value)
	}
	p.filter = productsPath + "\x00\x00" + p.query.Encode()
	if _, fields := productFilterOf(&p); len(fields) > 0 {
		p.query.Del("q")
		p.filter = productsPath + "\x00\x00" + p.query.Encode()
	}
	if cursor := string(x.ctx.QueryArgs().Peek("cursor")); cursor != "" {
		if start, ok := x.server.cursors.open(p.filter, cursor); ok {
			p.start = start
		}
	}
	return p
}

// boardOf returns the board, from the copy when nothing was searched for.
func (s *Server) boardOf(x *exchange, p *page) (*pages.Content, int, error) {
	if len(p.query) > 0 || p.start != (persistence.Place{}) {
		return s.renderBoard(x, p)
	}
	s.board.lock.Lock()
	defer s.board.lock.Unlock()
	if s.board.content != nil && x.now-s.board.at < instant(boardCopyMax) {
		return s.board.content, s.board.status, nil
	}
	content, status, err := s.renderBoard(x, p)
	if err == nil {
		s.board.content, s.board.status, s.board.at = content, status, x.now
	}
	return content, status, err
}

// renderBoard makes the page. Without engine or database it says so, and what to do.
func (s *Server) renderBoard(x *exchange, p *page) (*pages.Content, int, error) {
	shown := &pages.Board{Query: p.query.Get("q"), Category: p.query.Get("category"), Sort: p.query.Get("sort"),
		InStock: p.query.Has("in_stock"), Refresh: "/"}
	if len(p.query) > 0 {
		shown.Refresh = "/?" + p.query.Encode()
	}
	status := 200
	if loaded := s.engine.Load(); loaded == nil {
		shown.Trouble, status = "The shop is opening. This takes a moment.", 503
	} else if err := s.fillBoard(x, p, shown, *loaded); err != nil {
		x.logStore("listing products for the board", err)
		shown.Trouble, status = "The list of products cannot be read at the moment.", 503
	}
	content, err := s.pages.RenderBoard(shown)
	return content, status, err
}

func (s *Server) fillBoard(x *exchange, p *page, shown *pages.Board, engine actors.Facade) error {
	ctx, cancel := s.storeContext()
	defer cancel()
	filter, _ := productFilterOf(p)
	found, more, err := s.findProducts(ctx, &filter, p.limit, engine, p.query.Has("in_stock"))
	if err != nil {
		return err
	}
	for i := range found {
		tile, err := tileOf(&found[i], engine, x.now)
		if err != nil {
			return err
		}
		shown.Tiles = append(shown.Tiles, tile)
	}
	if more {
		shown.Cursor = s.cursors.seal(p.filter, filter.After)
		p.query.Set("cursor", shown.Cursor)
		shown.Next = "/?" + p.query.Encode()
	}
	return nil
}

// tileOf is a product as the board shows it.
func tileOf(row *persistence.CatalogueProduct, engine actors.Facade, now inventory.Instant) (pages.Tile, error) {
	reply := productReplyOf(row, engine)
	text, err := json.Marshal(reply)
	if err != nil {
		return pages.Tile{}, err
	}
	stock := reply.Stock
	held, sold := stock.Reserved, stock.Committed
	whole := max(stock.Available+held+sold, 1)
	tile := pages.Tile{Product: string(text), ID: reply.ID, Name: reply.Name, Letter: firstLetter(reply.Name),
		Price: shownPrice(row.Price), Available: stock.Available, Held: held, Capacity: whole,
		SoldWidth: sold * 100 / whole, HeldFrom: sold * 100 / whole, HeldWidth: (sold+held)*100/whole - sold*100/whole,
		FreeFrom: (sold + held) * 100 / whole, Limit: row.PurchaseLimit}
	if stock.Available > 0 {
		tile.FreeWidth = 100 - tile.FreeFrom
	}
	phase := row.PhaseAt(&inventory.Stock{OnHand: stock.OnHand, Reserved: stock.Reserved, Committed: stock.Committed, Safety: stock.Safety}, now)
	tile.Phase, tile.PhaseText, tile.SoldOut = phase.String(), phaseTexts[phase], phase == inventory.PhaseSoldOut
	return tile, nil
}

// phaseTexts are what the phases are called where people read.
var phaseTexts = map[inventory.Phase]string{inventory.PhaseScheduled: "Not on sale yet", inventory.PhaseLive: "On sale",
	inventory.PhasePaused: "Paused for the moment", inventory.PhaseSoldOut: "Nothing left, nothing held", inventory.PhaseEnded: "The sale has ended"}

// shownPrice writes an amount for a page without a script; with one, the browser writes it as
// its reader is used to.
func shownPrice(price inventory.Money) string {
	amount := majorUnits(price.Minor)
	if slices.Contains(wholeCurrencies, price.Currency.String()) {
		amount = decimal(price.Minor)
	}
	return amount + " " + price.Currency.String()
}

// wholeCurrencies have no minor unit (ISO 4217).
var wholeCurrencies = []string{"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"}

// firstLetter stands where others have a picture.
func firstLetter(name string) string {
	letter, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	if letter == utf8.RuneError {
		return ""
	}
	return string(unicode.ToUpper(letter))
}
