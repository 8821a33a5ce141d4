package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/internal/testserver"
)

// services are the servers that Holdfast works with: private ones, which sync as real ones
// do.
type services struct {
	postgres *testserver.Postgres
	redis    *testserver.Redis
}

func startServices() (_ *services, err error) {
	s := &services{}
	if s.postgres, err = testserver.NewPostgres("shared_buffers=256MB", "max_wal_size=4GB"); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	if s.redis, err = testserver.NewRedis(); err != nil {
		return nil, errors.Join(fmt.Errorf("start Redis: %w", err), s.close())
	}
	return s, nil
}

func (s *services) close() (err error) {
	if s.redis != nil {
		err = s.redis.Close()
	}
	return errors.Join(err, s.postgres.Close())
}

// pairedSession is a shop on a database of its own.
type pairedSession struct {
	*flashSession
	services *services
	database string
	product  uint32
	// logins are the people of [LoginFlood], nil with other faults.
	logins *logins
}

// open starts a shop with one product on new data.
func (p *Paired) open(ctx context.Context, services *services) (_ *pairedSession, err error) {
	database, err := services.postgres.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	s := &pairedSession{services: services, database: database}
	shop, err := shopPlan{binary: p.Holdfast, customers: p.Customers,
		environment: []string{"DATABASE_URL=" + database, "REDIS_URL=" + services.redis.URL()}}.open(ctx)
	if err != nil {
		return nil, errors.Join(err, services.postgres.DropDatabase(ctx, database))
	}
	s.flashSession = newFlashSession(shop)
	products, err := s.putOnSale(1, plenty)
	if err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	s.product = products[0]
	if p.Fault == RedisDead {
		if err := s.requireRedisUsed(); err != nil {
			return nil, errors.Join(err, s.close(ctx))
		}
	}
	if p.Fault == LoginFlood {
		s.logins = newLogins(s.shop.address)
		if err := s.logins.register(); err != nil {
			return nil, errors.Join(err, s.close(ctx))
		}
	}
	if p.WarmUp > 0 {
		if _, err := s.load(ctx, p.Connections, p.WarmUp); err != nil {
			return nil, errors.Join(fmt.Errorf("warm up: %w", err), s.close(ctx))
		}
	}
	return s, nil
}

// requireRedisUsed finds a server that would not miss Redis.
func (s *pairedSession) requireRedisUsed() error {
	clients, err := s.services.redis.Clients()
	if err == nil && clients == 0 {
		err = errors.New("the server has no connection to Redis, so that its death shows nothing: does it know REDIS_URL?")
	}
	return err
}

// close stops the shop and removes what it has.
func (s *pairedSession) close(ctx context.Context) error {
	s.client.Close()
	return errors.Join(s.shop.close(), s.services.postgres.DropDatabase(context.WithoutCancel(ctx), s.database))
}

// fail lets a service fail for as long as the fault lasts, in the middle of a sale that
// begins now, and returns when it is well again. When the sale is given up, it is well at
// once.
func (s *pairedSession) fail(ctx context.Context, p *Paired) error {
	if !wait(ctx, (p.Duration-p.Stall)/2) {
		return nil
	}
	restore, err := s.breakService(p.Fault)
	if err != nil {
		return err
	}
	return errors.Join(s.last(ctx, p), restore())
}

// last waits until the fault is over, and finds a database that goes on although it is
// stalled: what it had done before is known at half of the time.
func (s *pairedSession) last(ctx context.Context, p *Paired) error {
	var projected [2]int64
	for half := range projected {
		if !wait(ctx, p.Stall/2) {
			return nil
		}
		metrics, err := s.shop.metrics()
		if err != nil {
			return err
		}
		if projected[half], err = readGauge(metrics, projectedMetric); err != nil {
			return err
		}
	}
	if p.Fault == PostgresStall && projected[0] != projected[1] {
		return fmt.Errorf("the database went on from record %d to %d, although it was stalled", projected[0], projected[1])
	}
	return nil
}

// breakService lets the service fail, and returns what makes it well.
func (s *pairedSession) breakService(fault Fault) (restore func() error, err error) {
	switch fault {
	case RedisDead:
		return s.services.redis.Restart, s.services.redis.End()
	case LoginFlood:
		return s.logins.start(), nil
	case PostgresStall:
	}
	resume, err := s.services.postgres.Freeze()
	return func() error { resume(); return nil }, err
}

// wait waits, and reports whether ctx went on for so long.
func wait(ctx context.Context, duration time.Duration) bool {
	select {
	case <-time.After(duration):
		return true
	case <-ctx.Done():
		return false
	}
}
