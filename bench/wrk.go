package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// load is what wrk is asked to do.
type load struct {
	address     string
	connections int
	duration    time.Duration
	script      string
}

// measured is what wrk saw.
type measured struct {
	Requests int64   `json:"requests"`
	Seconds  float64 `json:"seconds"`
	// Refused counts answers of status 400 and above, Broken socket errors.
	Refused int64 `json:"refused"`
	Broken  int64 `json:"broken"`
	// P50, P99 and Max are milliseconds.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
	// unanswered is how many requests at most were under way at the end.
	unanswered int64
	// generatorSeconds is the processor time of wrk itself.
	generatorSeconds float64
}

func (m measured) perSecond() float64 { return float64(m.Requests) / m.Seconds }

// ErrNoWrk is returned when the load generator is not installed.
var ErrNoWrk = errors.New("wrk is not installed: install the package wrk of your system")

// run drives the load and returns what was seen.
func (l load) run(ctx context.Context) (measured, error) {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return measured{}, ErrNoWrk
	}
	command := exec.CommandContext(ctx, wrk, "-t2", fmt.Sprintf("-c%d", l.connections),
		fmt.Sprintf("-d%ds", int(l.duration.Seconds())), "-s", l.script, "http://"+l.address)
	output, err := command.CombinedOutput()
	if err != nil {
		return measured{}, fmt.Errorf("run wrk: %w\n%s", err, output)
	}
	_, result, found := strings.Cut(string(output), resultMark)
	if !found {
		return measured{}, fmt.Errorf("wrk printed no result:\n%s", output)
	}
	var m measured
	if err := json.Unmarshal([]byte(strings.SplitN(result, "\n", 2)[0]), &m); err != nil {
		return measured{}, fmt.Errorf("read wrk's result: %w", err)
	}
	m.unanswered = int64(l.connections)
	m.generatorSeconds = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	return m, nil
}

const resultMark = "RESULT "

// orderScript sends orders of one unit. Every request has a token of the file,
// one customer after the other, and a key of its own. Everything that does not
// change is put together once per customer.
const orderScript = `
local heads, next_head, serial = {}, 0, 0
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end
function init(args)
  local body = %q
  for token in io.lines(%q) do
    heads[#heads + 1] = "POST /api/orders HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
      .. #body .. "\r\nAuthorization: Bearer " .. token .. "\r\nIdempotency-Key: %s-"
  end
  tail = "\r\n\r\n" .. body
  next_head = math.floor(#heads / 2) * (thread_number - 1)
end
function request()
  next_head = next_head %% #heads + 1
  serial = serial + 1
  return heads[next_head] .. thread_number .. "-" .. serial .. "-0000" .. tail
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\nRESULT {"requests":%%d,"seconds":%%f,"refused":%%d,"broken":%%d,"p50":%%f,"p99":%%f,"max":%%f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
`

// writeOrderScript writes the script and the tokens that it reads into folder
// and returns the script's path. nonce keeps the keys of two runs apart.
func writeOrderScript(folder string, tokens []string, product, nonce string) (string, error) {
	tokenFile, script := filepath.Join(folder, "tokens"), filepath.Join(folder, "orders.lua")
	if err := os.WriteFile(tokenFile, []byte(strings.Join(tokens, "\n")+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the tokens: %w", err)
	}
	if err := os.WriteFile(script, []byte(fmt.Sprintf(orderScript, orderBody(product), tokenFile, nonce)), 0o600); err != nil {
		return "", fmt.Errorf("write the script: %w", err)
	}
	return script, nil
}

// orderBody is an order of one unit.
func orderBody(product string) string {
	return fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":1}]}`, product)
}
