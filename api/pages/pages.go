package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"sync"
)

//go:embed assets templates
var files embed.FS

// kinds are the media types of the assets.
var kinds = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

const htmlKind = "text/html; charset=utf-8"

// versionBytes is how much of the hash of all assets is in their addresses.
const versionBytes = 9

// Pages are all pages and what they load, ready to be sent.
type Pages struct {
	// version is the hash of all assets.
	version   string
	assets    map[string]*Content
	fixed     map[string]*Content
	templates *template.Template
}

// fixedPages are those that are the same for everybody; what is not, their scripts ask the
// API for.
var fixedPages = []string{"signin", "setup", "live"}

// Load returns what is in the binary, which is read and compressed once.
var Load = sync.OnceValues(load)

func load() (*Pages, error) {
	p := &Pages{assets: map[string]*Content{}, fixed: map[string]*Content{}}
	names, err := fs.Glob(files, "assets/*")
	if err != nil {
		return nil, fmt.Errorf("pages: listing the assets: %w", err)
	}
	all := sha256.New()
	for _, name := range names {
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("pages: reading an asset: %w", err)
		}
		kind := kinds[path.Ext(name)]
		if kind == "" {
			return nil, fmt.Errorf("pages: nobody knows the media type of %s", name)
		}
		p.assets[path.Base(name)] = newContent(kind, body, brotliBest, gzipBest)
		fmt.Fprintf(all, "%s %d\n%s", name, len(body), body)
	}
	p.version = hex.EncodeToString(all.Sum(nil)[:versionBytes])
	if p.templates, err = template.ParseFS(files, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("pages: parsing the templates: %w", err)
	}
	for _, name := range fixedPages {
		body, err := p.render(name, &frame{Assets: p.folder()})
		if err != nil {
			return nil, err
		}
		p.fixed[name] = newContent(htmlKind, body, brotliBest, gzipBest)
	}
	return p, nil
}

// frame is what every page is made from.
type frame struct {
	// Assets is the folder of the assets.
	Assets string
	// Board is what the board shows, Blank a tile without a product, for its script to fill.
	Board *Board
	Blank *Tile
}

func (p *Pages) folder() string { return "/assets/" + p.version }

func (p *Pages) render(name string, data *frame) ([]byte, error) {
	var body bytes.Buffer
	if err := p.templates.ExecuteTemplate(&body, name+".html", data); err != nil {
		return nil, fmt.Errorf("pages: rendering %s: %w", name, err)
	}
	return body.Bytes(), nil
}

// Asset returns an asset of this version, or nil.
func (p *Pages) Asset(version, name string) *Content {
	if version != p.version {
		return nil
	}
	return p.assets[name]
}

// Fixed returns a page that is the same for everybody.
func (p *Pages) Fixed(name string) *Content { return p.fixed[name] }

// Version is the hash of all assets.
func (p *Pages) Version() string { return p.version }

// RenderBoard makes the shopper's board of a moment.
func (p *Pages) RenderBoard(board *Board) (*Content, error) {
	body, err := p.render("board", &frame{Assets: p.folder(), Board: board})
	if err != nil {
		return nil, err
	}
	return newContent(htmlKind, body, brotliQuick, gzipQuick), nil
}

// Board is what the shopper's board shows, for browsers that run no scripts too.
type Board struct {
	Tiles []Tile
	// Query, Category and Sort are what was searched for, InStock whether only products
	// with units.
	Query, Category, Sort string
	InStock               bool
	// Next is the address of the next page, empty on the last one.
	Next string
	// Cursor is what Next continues from, for the script.
	Cursor string
	// Refresh is the address that a browser without scripts comes back to.
	Refresh string
	// Trouble says why there are no products now.
	Trouble string
}

// Tile is a product on the board.
type Tile struct {
	// Product is the product in JSON, as the API shows it.
	Product                   string
	ID, Name, Letter          string
	Price, Phase, PhaseText   string
	Available, Held, Capacity int64
	// Widths are percents of the bar, HeldFrom and FreeFrom where such units begin.
	SoldWidth, HeldWidth, HeldFrom, FreeWidth, FreeFrom int64
	Limit                                               int64
	SoldOut                                             bool
}
