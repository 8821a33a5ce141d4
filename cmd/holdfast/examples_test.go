package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

const examplesFolder = "../../documentation/examples"

// watched is a server with a product whose stock the test changes.
type watched struct {
	*serving
	t            *testing.T
	key, product string
}

func serveWatched(t *testing.T, arguments ...string) watched {
	t.Helper()
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	s := serve(t, data, arguments...)
	return watched{serving: s, t: t, key: key, product: s.sell(key, "LAMP", "Brass lamp", 7, "")}
}

// receive brings more units.
func (w watched) receive(key string, units int) {
	w.t.Helper()
	got := w.do(call{method: "POST", path: "/api/products/" + w.product + "/stock", token: w.key, key: strings.Repeat(key, 16),
		body: fmt.Sprintf(`{"delta":%d,"reason":"receipt","note":""}`, units)})
	require.Equal(w.t, 200, got.status, got.text)
}

// follows reads what a program says of the product while its stock changes.
func (w watched) follows(command *exec.Cmd) {
	w.t.Helper()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, command.Start())
	w.t.Cleanup(func() {
		_ = command.Process.Kill()
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait() // it was killed
	})
	lines := bufio.NewScanner(output)
	hears := func(line string) {
		require.True(w.t, lines.Scan(), "%s has ended", command)
		require.Equal(w.t, line, lines.Text())
	}
	hears("version 1: 7 available, 0 reserved, 0 sold, live")
	w.receive("a", 5)
	hears("version 2: 12 available, 0 reserved, 0 sold, live")
	w.receive("b", 1)
	hears("version 3: 13 available, 0 reserved, 0 sold, live")
}

// eachProtocol runs a test with both subprotocols.
func eachProtocol(t *testing.T, test func(t *testing.T, protocol string)) {
	for _, protocol := range []string{"json", "msgpack"} {
		t.Run(protocol, func(t *testing.T) { test(t, protocol) })
	}
}

func TestExampleInNode(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "watch.mjs"} {
		data, err := os.ReadFile(filepath.Join(examplesFolder, "node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
	}
	node := testserver.Node(t)
	install := exec.Command(testserver.NPM(t), "ci", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = folder
	output, err := install.CombinedOutput()
	require.NoError(t, err, "%s", output)
	eachProtocol(t, func(t *testing.T, protocol string) {
		w := serveWatched(t)
		command := exec.Command(node, "watch.mjs", "ws"+strings.TrimPrefix(w.url, "http")+"/api/ws", "p:"+w.product, protocol)
		command.Dir = folder
		w.follows(command)
	})
}

func TestExampleInGo(t *testing.T) {
	program := filepath.Join(t.TempDir(), "watch")
	output, err := exec.Command("go", "build", "-o", program, examplesFolder+"/go").CombinedOutput()
	require.NoError(t, err, "%s", output)
	eachProtocol(t, func(t *testing.T, protocol string) {
		w := serveWatched(t)
		w.follows(exec.Command(program, "-address", strings.TrimPrefix(w.url, "http://"), "-product", w.product, "-protocol", protocol))
	})
}

func TestExampleInABrowser(t *testing.T) {
	files := httptest.NewServer(http.FileServer(http.Dir("../..")))
	t.Cleanup(files.Close)
	browser := openBrowser(t)
	eachProtocol(t, func(t *testing.T, protocol string) {
		w := serveWatched(t, "--ws-origins", files.URL)
		p := newTab(browser, t, files.URL)
		query := url.Values{"server": {"ws" + strings.TrimPrefix(w.url, "http") + "/api/ws"}, "product": {w.product}, "protocol": {protocol}}
		p.open("/documentation/examples/browser/watch.html?" + query.Encode())
		p.awaitText("#name", "Brass lamp")
		p.awaitText("#stock", "version 1: 7 available, live")
		p.awaitText("#state", "live")
		w.receive("a", 5)
		p.awaitText("#stock", "version 2: 12 available, live")
		p.lock.Lock()
		defer p.lock.Unlock()
		require.Empty(t, p.wrong)
	})
}
