package pages

import (
	"bytes"
	"compress/gzip"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	brotli "github.com/molecule-man/go-brrr"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"holdfast/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a browser may be sent: of the ticker alone, of all that the board loads, and of all
// that the console loads, the page itself included.
const (
	tickerBytesMax  = 8 << 10
	boardBytesMax   = 40 << 10
	consoleBytesMax = 60 << 10
)

func loaded(t *testing.T) *Pages {
	t.Helper()
	p, err := Load()
	require.NoError(t, err)
	return p
}

// Every coding of every asset and page is the same content, and is chosen as the browser says.
func TestCodingsAreTheSameContent(t *testing.T) {
	p := loaded(t)
	contents := []*Content{p.Fixed("signin"), p.Fixed("setup"), p.Fixed("live")}
	for name := range p.assets {
		contents = append(contents, p.Asset(p.Version(), name))
	}
	require.Greater(t, len(contents), 15)
	for _, content := range contents {
		plain, coding, plainTag := content.Choose(nil)
		require.Empty(t, coding)
		packed, coding, gzipTag := content.Choose([]byte("gzip, deflate, br;q=0"))
		require.Equal(t, "gzip", coding)
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		unpacked, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.Equal(t, plain, unpacked)
		packed, coding, brotliTag := content.Choose([]byte("gzip;q=0.8, BR;q=0.9"))
		require.Equal(t, "br", coding)
		unpacked, err = io.ReadAll(brotli.NewReader(bytes.NewReader(packed)))
		require.NoError(t, err)
		require.Equal(t, plain, unpacked)
		require.Len(t, map[string]bool{plainTag: true, gzipTag: true, brotliTag: true}, 3, "each coding has a tag of its own")
	}
	for _, header := range []string{"", "identity", "*;q=0", "gzip;q=0, br; q=0.000", "gzipped"} {
		_, coding, _ := contents[0].Choose([]byte(header))
		require.Empty(t, coding, header)
	}
}

// Nothing stands in a page that the policy would not let run, and nothing comes from another
// host.
func TestNothingIsInlineOrFromElsewhere(t *testing.T) {
	for _, folder := range []string{"assets", "templates"} {
		names, err := files.ReadDir(folder)
		require.NoError(t, err)
		for _, name := range names {
			text, err := files.ReadFile(folder + "/" + name.Name())
			require.NoError(t, err)
			// What sets text as markup, and what runs text.
			require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser`, string(text), name.Name())
			for _, address := range regexp.MustCompile(`(?:https?|wss?)://[^\s'"<>]+`).FindAllString(string(text), -1) {
				require.Regexp(t, `^http://www\.w3\.org/|^wss://shop\.example/`, address, name.Name())
			}
			if folder == "templates" {
				require.NotRegexp(t, `(?i)\sstyle=|<style|\son[a-z]+=|<script(?: type="module" src="\{\{\.Assets\}\}/[a-z]+\.js")?[^>t ]`, string(text), name.Name())
			}
		}
	}
}

var imported = regexp.MustCompile(`from '\./([a-z-]+\.js)'`)

// weight is what an asset and all that it imports take in the worse of the two codings.
func (p *Pages) weight(t *testing.T, name string, seen map[string]bool) (bytes int) {
	if seen[name] {
		return 0
	}
	seen[name] = true
	asset := p.Asset(p.Version(), name)
	require.NotNil(t, asset, name)
	for _, one := range imported.FindAllStringSubmatch(string(asset.plain), -1) {
		bytes += p.weight(t, one[1], seen)
	}
	return bytes + max(len(asset.gzip), len(asset.brotli))
}

// A page is light: so much is sent, compressed, before it is whole.
func TestPagesAreLight(t *testing.T) {
	p := loaded(t)
	require.LessOrEqual(t, p.weight(t, "ticker.js", map[string]bool{}), tickerBytesMax)
	board, err := p.RenderBoard(&Board{Tiles: make([]Tile, 20)})
	require.NoError(t, err)
	shared := p.weight(t, "style.css", map[string]bool{}) + p.weight(t, "mark.svg", map[string]bool{})
	require.LessOrEqual(t, shared+p.weight(t, "board.js", map[string]bool{})+len(board.gzip), boardBytesMax)
	require.LessOrEqual(t, shared+p.weight(t, "live.js", map[string]bool{})+len(p.Fixed("live").gzip), consoleBytesMax)
}

// An asset is found under its version alone.
func TestAssetsHaveAVersion(t *testing.T) {
	p := loaded(t)
	require.NotNil(t, p.Asset(p.Version(), "board.js"))
	require.Nil(t, p.Asset("0123", "board.js"))
	require.Nil(t, p.Asset(p.Version(), "../templates/board.html"))
	plain, _, _ := p.Fixed("live").Choose(nil)
	require.Contains(t, string(plain), `src="/assets/`+p.Version()+`/live.js"`)
}

// What is sold is text on the board, whatever it is called.
func TestNamesAreText(t *testing.T) {
	name := `<img src=x onerror=alert(1)>"'`
	content, err := loaded(t).RenderBoard(&Board{Query: name, Tiles: []Tile{{Name: name, Product: `{"name":"` + name}}})
	require.NoError(t, err)
	require.NotContains(t, string(content.plain), "<img")
	require.Equal(t, 3, strings.Count(string(content.plain), "&lt;img src=x onerror=alert(1)&gt;"))
}

// The client of the WebSocket does what the protocol asks of clients: the tests of it run in
// Node.
func TestTicker(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), testserver.Node(t), "--test", "testdata/ticker.test.mjs").CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Regexp(t, `(?m)^. pass [1-9]`, string(output))
}
