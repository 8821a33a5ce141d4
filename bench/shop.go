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

// openShop starts a server with customers and creates a product with more stock than
// any run sells.
func openShop(ctx context.Context, binary string, customers int) (*shop, error) {
	s, err := prepareShop(ctx, binary, customers, func([]string) error { return nil })
	if err != nil {
		return nil, err
	}
	if s.product, err = s.createProduct(s.service); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepareShop makes a data directory with customers, lets prepare work on it with an
// environment that names it, and starts the server.
func prepareShop(ctx context.Context, binary string, customers int, prepare func(environment []string) error) (_ *shop, err error) {
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
	environment := []string{"HOLDFAST_DATA_DIR=" + filepath.Join(folder, "data"), "HOLDFAST_LOG_LEVEL=warn"}
	if err := s.seed(ctx, binary, environment, customers); err != nil {
		return s, err
	}
	if err := prepare(environment); err != nil {
		return s, err
	}
	address, err := freeAddress()
	if err != nil {
		return s, err
	}
	if s.admin, err = freeAddress(); err != nil {
		return s, err
	}
	environment = append(environment, "HOLDFAST_LISTEN="+address, "HOLDFAST_ADMIN_LISTEN="+s.admin)
	s.process, err = start(ctx, address, "/readyz", environment, binary, "serve")
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

// createProduct creates the product that is ordered and returns its ID.
func (s *shop) createProduct(key string) (string, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + s.address + "/api/products")
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.Header.Set("Authorization", "Bearer "+key)
	request.SetBodyString(`{"sku":"BENCH-1","name":"Bench","description":"","category":"bench",` +
		`"price":{"amount":1999,"currency":"EUR"},"stock":1000000000,"hold_seconds":604800}`)
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

// sold returns how many units of the product are held: one for each order.
func (s *shop) sold() (int64, error) {
	status, body, err := fasthttp.GetTimeout(nil, "http://"+s.address+"/api/products/"+s.product+"/stock", 5*time.Second)
	if err != nil {
		return 0, fmt.Errorf("read the stock: %w", err)
	}
	var stock struct {
		Reserved int64 `json:"reserved"`
	}
	if status != fasthttp.StatusOK || json.Unmarshal(body, &stock) != nil {
		return 0, fmt.Errorf("read the stock: %d %s", status, body)
	}
	return stock.Reserved, nil
}

// nonce returns a word that no other run has.
func nonce() string { return strings.ToLower(rand.Text()[:12]) }
