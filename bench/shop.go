package bench

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"holdfast/bench/cage"
)

// shop is a Holdfast server with a data directory of its own, seeded customers
// and one product.
type shop struct {
	*process
	// admin is the address of its metrics.
	admin   string
	folder  string
	tokens  []string
	product string
	service string
}

// plenty is more stock than any run sells.
const plenty = 1_000_000_000

// openShop starts a server with customers and creates a product with the stock.
func openShop(ctx context.Context, binary string, customers int, stock int64) (*shop, error) {
	s, err := shopPlan{binary: binary, customers: customers}.open(ctx)
	if err != nil {
		return nil, err
	}
	if s.product, err = s.createProduct("BENCH-1", stock); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// shopPlan is how a shop is made.
type shopPlan struct {
	binary    string
	customers int
	// environment is that of the server and of the commands before it, besides the
	// program's own.
	environment []string
	// prepare works on the data directory, which its environment names, before the server
	// starts; nil does nothing.
	prepare func(environment []string) error
	// cage, when there is one, bounds the server's memory.
	cage *cage.Cage
}

// open makes a data directory with customers, and starts the server on it.
func (p shopPlan) open(ctx context.Context) (_ *shop, err error) {
	folder, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	s := &shop{folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	// Customers of a measurement are faster than people: they are counted, and not bounded.
	environment := append([]string{"HOLDFAST_DATA_DIR=" + filepath.Join(folder, "data"), "HOLDFAST_LOG_LEVEL=warn",
		"HOLDFAST_RATE_CUSTOMER_ORDERS=1000000", "HOLDFAST_RATE_CUSTOMER_UNITS=1000000"}, p.environment...)
	if err := s.seed(ctx, p.binary, environment, p.customers); err != nil {
		return s, err
	}
	if p.prepare != nil {
		if err := p.prepare(environment); err != nil {
			return s, err
		}
	}
	address, err := freeAddress()
	if err != nil {
		return s, err
	}
	if s.admin, err = freeAddress(); err != nil {
		return s, err
	}
	environment = append(environment, "HOLDFAST_LISTEN="+address, "HOLDFAST_ADMIN_LISTEN="+s.admin)
	name, arguments := p.binary, []string{"serve"}
	if p.cage != nil {
		name, arguments = p.cage.Command(name, arguments...)
	}
	s.process, err = start(ctx, address, "/readyz", environment, name, arguments...)
	return s, err
}

// seed makes the customers, their tokens and a key that may create products.
func (s *shop) seed(ctx context.Context, binary string, environment []string, customers int) error {
	tokens := filepath.Join(s.folder, "customers.jsonl")
	if _, err := runTool(ctx, environment, binary, "user", "seed", "--count", strconv.Itoa(customers),
		"--tokens", tokens, "--valid-for", "2h"); err != nil {
		return err
	}
	key, err := runTool(ctx, environment, binary, "apikey", "create", "--name", "bench", "--role", "admin")
	if err != nil {
		return err
	}
	s.service = strings.TrimSpace(key)
	s.tokens, err = readTokens(tokens)
	return err
}

// close stops the server and removes its data.
func (s *shop) close() error {
	var err error
	if s.process != nil {
		err = s.stop()
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}

// runTool runs one of the binary's commands and returns what it prints.
func runTool(ctx context.Context, environment []string, binary string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, binary, arguments...)
	command.Env = append(os.Environ(), environment...)
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(binary), strings.Join(arguments, " "), err, stderr.String())
	}
	return string(output), nil
}

func readTokens(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	defer file.Close()
	var tokens []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var customer struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(lines.Bytes(), &customer); err != nil {
			return nil, fmt.Errorf("read the tokens: %w", err)
		}
		tokens = append(tokens, customer.AccessToken)
	}
	return tokens, nil
}

// createProduct creates a product whose orders are held for longer than any run takes,
// and returns its ID.
func (s *shop) createProduct(sku string, stock int64) (string, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + s.address + "/api/products")
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.Header.Set("Authorization", "Bearer "+s.service)
	request.SetBodyString(fmt.Sprintf(`{"sku":%q,"name":"Bench","description":"","category":"bench",`+
		`"price":{"amount":1999,"currency":"EUR"},"stock":%d,"hold_seconds":604800}`, sku, stock))
	if err := fasthttp.Do(request, response); err != nil {
		return "", fmt.Errorf("create the product: %w", err)
	}
	var product struct {
		ID string `json:"id"`
	}
	if response.StatusCode() != fasthttp.StatusCreated || json.Unmarshal(response.Body(), &product) != nil {
		return "", fmt.Errorf("create the product: %d %s", response.StatusCode(), response.Body())
	}
	return product.ID, nil
}

// productStock is the stock of a product as the API tells it.
type productStock struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Committed int64 `json:"committed"`
	Available int64 `json:"available"`
	Version   int64 `json:"version"`
}

// stock reads the stock of a product.
func (s *shop) stock(product string) (stock productStock, err error) {
	status, body, err := fasthttp.GetTimeout(nil, "http://"+s.address+"/api/products/"+product+"/stock", 5*time.Second)
	if err != nil {
		return stock, fmt.Errorf("read the stock: %w", err)
	}
	if status != fasthttp.StatusOK || json.Unmarshal(body, &stock) != nil {
		return stock, fmt.Errorf("read the stock: %d %s", status, body)
	}
	return stock, nil
}

// nonce returns a word that no other run has.
func nonce() string { return strings.ToLower(rand.Text()[:12]) }
