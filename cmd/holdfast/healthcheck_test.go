package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHealthcheckOfAServer(t *testing.T) {
	s := serve(t, freshDirectory(t))
	address := strings.TrimPrefix(s.url, "http://")
	o := run(t, "healthcheck", "--listen", address)
	assert.Equal(t, outcome{code: exitOK}, o, "success has nothing to say")
	t.Setenv("HOLDFAST_LISTEN", address)
	assert.Equal(t, outcome{code: exitOK}, run(t, "healthcheck"))
	assert.Equal(t, outcome{code: exitOK}, run(t, "healthcheck", "--url", s.url+"/livez"))
	s.stop(t)
	o = run(t, "healthcheck")
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, address)
}

// Whatever is no 2xx of the server itself is a failure that shows the answer.
func TestHealthcheckOfOtherAnswers(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			http.Error(w, `{"status":"not_ready"}`+strings.Repeat(" ", 5000)+"the end", http.StatusServiceUnavailable)
		case "/moved":
			http.Redirect(w, r, "/fine", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		}
	}))
	defer stranger.Close()
	address := strings.TrimPrefix(stranger.URL, "http://")
	for name, c := range map[string]struct {
		arguments []string
		says      string
	}{
		"not ready":  {[]string{"--listen", address}, `503 Service Unavailable: {"status":"not_ready"}`},
		"a redirect": {[]string{"--url", stranger.URL + "/moved"}, "302 Found"},
		"too slow":   {[]string{"--url", stranger.URL + "/slow", "--timeout", "30ms"}, "deadline exceeded"},
		"no http":    {[]string{"--url", "ftp://127.0.0.1/"}, "ftp"},
	} {
		t.Run(name, func(t *testing.T) {
			o := run(t, append([]string{"healthcheck"}, c.arguments...)...)
			assert.Equal(t, exitError, o.code)
			assert.Contains(t, o.stderr, c.says)
			assert.NotContains(t, o.stderr, "the end", "a long answer is cut")
			assert.Empty(t, o.stdout)
		})
	}
	assert.Equal(t, exitOK, run(t, "healthcheck", "--url", stranger.URL+"/fine").code)
}

// A proxy that answers for a server that is away must not be believed.
func TestHealthcheckAsksNoProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer proxy.Close()
	// An address for documentation (RFC 5737): nobody is there. Go reads the variable
	// once in the life of a process.
	ask := binaryCommand(t, "healthcheck", "--listen", "192.0.2.1:80", "--timeout", "100ms")
	ask.Env = append(os.Environ(), "HTTP_PROXY="+proxy.URL)
	require.Error(t, ask.Run())
	assert.Equal(t, exitError, ask.ProcessState.ExitCode())
}

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080":     "127.0.0.1:8080",
		":8080":              "127.0.0.1:8080",
		"0.0.0.0:8080":       "127.0.0.1:8080",
		"[::]:8080":          "[::1]:8080",
		"shop.example.com:1": "shop.example.com:1",
	} {
		host, err := reachable(listen)
		require.NoError(t, err)
		assert.Equal(t, want, host)
	}
}
