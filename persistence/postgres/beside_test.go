package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence/persistencetest"
)

const (
	// besideClients are pgbench's connections, besideThreads its threads, and besideRound
	// is how long it and the projection work in turn.
	besideClients = 16
	besideThreads = 2
	besideRound   = 3 * time.Second
	// besideRun are the records of one transaction of the projection, as it has them when
	// it is behind.
	besideRun = 16_384
)

// besideIDs makes the IDs of an order: they ascend with time, as ours do, and the key is
// random.
const besideIDs = `\set n :n + 1
\set high :base + :n * 4096 + :client_id
\set low random(1, 9223372036854775807)
\set one random(1, 9223372036854775807)
\set other random(1, 9223372036854775807)
\set product random(1, %[1]d)
`

const (
	besideID      = `encode(int8send(:high) || int8send(:low), 'hex')::uuid`
	besideKey     = `encode(int8send(:one) || int8send(:other), 'hex')::uuid`
	besideProduct = `('{%[2]s}'::uuid[])[:product]`
	besideNow     = `(extract(epoch FROM now()) * 1000000000)::bigint`
)

// besideScripts are an order in a transaction of its own, as a shop without a journal
// writes it: the rows that the projection writes for it, in the same tables. Statements is
// what such a shop sends, one is the least that can be sent: no round trips count.
var besideScripts = map[string]string{
	"Statements": besideIDs + `BEGIN;
INSERT INTO orders (id, customer_id, state, extended, currency, placed_at, expires_at, updated_at, sequence, refund_due, key_fingerprint, body)
	VALUES (` + besideID + `, gen_random_uuid(), 1, false, 'EUR', ` + besideNow + `, ` + besideNow + ` + 600000000000, ` + besideNow + `, 1, 0, ` + besideKey + `, gen_random_uuid());
INSERT INTO idempotency_keys (key, body, subject_id, at, kind) VALUES (` + besideKey + `, gen_random_uuid(), ` + besideID + `, ` + besideNow + `, 1);
UPDATE stock SET reserved = reserved + 1, version = version + 1 WHERE product_id = ` + besideProduct + `
	RETURNING version, on_hand, reserved, committed \gset
INSERT INTO order_items (order_id, product_id, quantity, price_minor, stock_version, dropped, released, shipped, returned, dropped_for, sku)
	VALUES (` + besideID + `, ` + besideProduct + `, 1, 4999, :version, 0, 0, 0, 0, 0, 'SKU-00000000');
INSERT INTO stock_movements (product_id, stock_version, sequence, at, delta_on_hand, delta_reserved, delta_committed, on_hand, reserved, committed, order_id, by_id, kind, reason, note)
	VALUES (` + besideProduct + `, :version, 1, ` + besideNow + `, 0, 1, 0, :on_hand, :reserved, :committed, ` + besideID + `, gen_random_uuid(), 1, '', '');
END;
`,
	"OneStatement": besideIDs + `WITH placed AS (
	SELECT ` + besideID + ` AS id, gen_random_uuid() AS customer, ` + besideKey + ` AS key, gen_random_uuid() AS body, ` + besideNow + ` AS at
), sold AS (
	UPDATE stock SET reserved = reserved + 1, version = version + 1 WHERE product_id = ` + besideProduct + ` RETURNING *
), o AS (
	INSERT INTO orders (id, customer_id, state, extended, currency, placed_at, expires_at, updated_at, sequence, refund_due, key_fingerprint, body)
	SELECT id, customer, 1, false, 'EUR', at, at + 600000000000, at, 1, 0, key, body FROM placed
), i AS (
	INSERT INTO order_items (order_id, product_id, quantity, price_minor, stock_version, dropped, released, shipped, returned, dropped_for, sku)
	SELECT id, product_id, 1, 4999, version, 0, 0, 0, 0, 0, 'SKU-00000000' FROM placed, sold
), m AS (
	INSERT INTO stock_movements (product_id, stock_version, sequence, at, delta_on_hand, delta_reserved, delta_committed, on_hand, reserved, committed, order_id, by_id, kind, reason, note)
	SELECT product_id, version, 1, at, 0, 1, 0, on_hand, reserved, committed, id, customer, 1, '', '' FROM placed, sold
)
INSERT INTO idempotency_keys (key, body, subject_id, at, kind) SELECT key, body, id, at, 1 FROM placed;
`}

// BenchmarkProjectBesidePgbench compares the projection of one-line orders with as many
// transactions of an order each as pgbench's clients can write into the same tables: same
// server, schema and settings, in turn, one round of each per iteration (-benchtime 9x). It
// reports the medians, and that of the ratios of the rounds.
func BenchmarkProjectBesidePgbench(b *testing.B) {
	for name, script := range besideScripts {
		b.Run(name, func(b *testing.B) { measureBeside(b, script) })
	}
}

func measureBeside(b *testing.B, script string) {
	store, server, address := measured(b)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		require.Equal(b, []string{"on"}, server.Texts(b, address, "SHOW "+setting), setting)
	}
	s := persistencetest.OpenSales(b, store)
	products := make([]string, len(s.Products))
	for i, id := range s.Products {
		products[i] = id.String()
	}
	script = fmt.Sprintf(script, len(products), strings.Join(products, ","))
	var projected, single, ratios []float64
	for b.Loop() {
		before := rowCounts(b, server, address)
		written, perSecond := pgbench(b, server, address, script)
		single = append(single, perSecond)
		for table, count := range rowCounts(b, server, address) {
			require.Equal(b, written, count-before[table], "each transaction writes a row of %s", table)
		}
		projected = append(projected, project(b, store, s))
		ratios = append(ratios, projected[len(projected)-1]/single[len(single)-1])
	}
	b.Logf("projected orders/s %.0f, orders/s of pgbench with %d clients %.0f, ratios %.1f", projected, besideClients, single, ratios)
	for unit, values := range map[string][]float64{"projected/s": projected, "pgbench/s": single, "ratio": ratios} {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], unit)
	}
	b.ReportMetric(0, "ns/op") // an iteration is a round
}

// project projects orders for a round, and returns how many a second.
func project(b *testing.B, store *Store, s *persistencetest.Sales) float64 {
	count, worked := 0, time.Duration(0)
	for worked < besideRound {
		records, to := s.Run(besideRun)
		begun := time.Now()
		require.NoError(b, store.Project(b.Context(), s.Position, to, records))
		worked += time.Since(begun)
		s.Position, count = to, count+len(records)
	}
	return float64(count) / worked.Seconds()
}

// pgbench writes orders for a round, and returns how many, and how many a second.
func pgbench(b *testing.B, server *testserver.Postgres, address, script string) (written int, perSecond float64) {
	output, err := server.Tool(script, "pgbench", "--no-vacuum", "--protocol", "prepared", "--client", strconv.Itoa(besideClients),
		"--jobs", strconv.Itoa(besideThreads), "--time", strconv.Itoa(int(besideRound.Seconds())), "--define", "n=0",
		"--define", fmt.Sprintf("base=%d", time.Now().UnixMilli()<<16), "--file", "-", address)
	require.NoError(b, err)
	written = int(figure(b, output, "number of transactions actually processed: "))
	return written, figure(b, output, "tps = ")
}

// figure reads the number after words.
func figure(b *testing.B, output, words string) float64 {
	_, rest, found := strings.Cut(output, words)
	require.True(b, found, "%s", output)
	value, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	return value
}

// rowCounts returns how many rows the tables have that an order is written to.
func rowCounts(b *testing.B, server *testserver.Postgres, address string) map[string]int {
	counts := make(map[string]int)
	for _, table := range []string{"orders", "order_items", "stock_movements", "idempotency_keys"} {
		count, err := strconv.Atoi(server.Texts(b, address, "SELECT count(*)::text FROM "+table)[0])
		require.NoError(b, err)
		counts[table] = count
	}
	return counts
}
