package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

// fakeStore keeps accounts and catalogue in maps. What the front end does not
// ask a store for is not there.
type fakeStore struct {
	persistence.Store
	lock     sync.Mutex
	users    map[string]persistence.User
	keys     map[[32]byte]persistence.APIKey
	products map[inventory.ID]persistence.CatalogueProduct
	sessions map[inventory.ID]persistence.Session
	// down, when set, is the answer to everything; asked counts the questions.
	down      error
	asked     int
	audit     []persistence.AuditEntry
	movements []persistence.Movement
	// updateError, when set, is the answer to the next update of a product that was done, and
	// changeError that to the next change of an account.
	updateError, changeError error
	// failProductsAfter, when set, is how many lists of products are answered before the
	// store is down for them.
	failProductsAfter, listedProducts int
}

// afterUpdate lets the next update of a product be done and answered with an error.
func (s *fakeStore) afterUpdate(err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.updateError = err
}

var errDown = errors.New("connection refused at /secret/path.db")

func newFakeStore() *fakeStore {
	return &fakeStore{users: map[string]persistence.User{}, keys: map[[32]byte]persistence.APIKey{},
		products: map[inventory.ID]persistence.CatalogueProduct{}, sessions: map[inventory.ID]persistence.Session{}}
}

func (s *fakeStore) enter() (func(), error) {
	s.lock.Lock()
	s.asked++
	return s.lock.Unlock, s.down
}

func (s *fakeStore) CreateUsers(_ context.Context, users []persistence.User) error {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return err
	}
	for _, user := range users {
		if _, taken := s.users[user.Email]; taken {
			return persistence.ErrExists
		}
		user.Version = 1
		s.users[user.Email] = user
	}
	return nil
}

func (s *fakeStore) UserByEmail(_ context.Context, email string) (persistence.User, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.User{}, err
	}
	user, found := s.users[strings.ToLower(email)]
	if !found {
		return user, persistence.ErrNotFound
	}
	return user, nil
}

func (s *fakeStore) UserByID(_ context.Context, id inventory.ID) (persistence.User, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.User{}, err
	}
	for _, user := range s.users {
		if user.ID == id {
			return user, nil
		}
	}
	return persistence.User{}, persistence.ErrNotFound
}

func (s *fakeStore) APIKeyByHash(_ context.Context, hash [32]byte) (persistence.APIKey, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.APIKey{}, err
	}
	key, found := s.keys[hash]
	if !found {
		return key, persistence.ErrNotFound
	}
	return key, nil
}

// CreateProducts takes one product: the API creates no more at once.
func (s *fakeStore) CreateProducts(_ context.Context, products ...persistence.CatalogueProduct) error {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return err
	}
	product := products[0]
	for _, other := range s.products {
		if other.SKU == product.SKU || other.ID == product.ID {
			return persistence.ErrExists
		}
	}
	s.products[product.ID] = product
	return nil
}

func (s *fakeStore) ProductByID(_ context.Context, id inventory.ID) (persistence.CatalogueProduct, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.CatalogueProduct{}, err
	}
	product, found := s.products[id]
	if !found || product.Deleted {
		return persistence.CatalogueProduct{}, persistence.ErrNotFound
	}
	return product, nil
}

func (s *fakeStore) AnyProductByID(_ context.Context, id inventory.ID) (persistence.CatalogueProduct, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.CatalogueProduct{}, err
	}
	product, found := s.products[id]
	if !found {
		return product, persistence.ErrNotFound
	}
	return product, nil
}

func (s *fakeStore) UpdateProduct(_ context.Context, product persistence.CatalogueProduct, audit ...persistence.AuditEntry) error {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return err
	}
	present, found := s.products[product.ID]
	switch {
	case !found:
		return persistence.ErrNotFound
	case present.Version != product.Version-1:
		return persistence.ErrVersion
	}
	for id, other := range s.products {
		if id != product.ID && other.SKU == product.SKU {
			return persistence.ErrExists
		}
	}
	s.products[product.ID] = product
	s.audit = append(s.audit, audit...)
	err, s.updateError = s.updateError, nil
	return err
}

func (s *fakeStore) Products(_ context.Context, filter persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	if s.listedProducts++; s.failProductsAfter > 0 && s.listedProducts > s.failProductsAfter {
		return nil, errDown
	}
	var all []persistence.CatalogueProduct
	for _, product := range s.products {
		all = append(all, product)
	}
	return persistencetest.SelectProducts(all, filter), nil
}

func (s *fakeStore) Ping(context.Context) error {
	leave, err := s.enter()
	defer leave()
	return err
}

func (s *fakeStore) AppendAudit(_ context.Context, entry persistence.AuditEntry) error {
	leave, err := s.enter()
	defer leave()
	s.audit = append(s.audit, entry)
	return err
}

func (s *fakeStore) AuditEntries(_ context.Context, filter persistence.AuditFilter) ([]persistence.AuditEntry, error) {
	leave, err := s.enter()
	defer leave()
	var found []persistence.AuditEntry
	for i := len(s.audit); i > 0 && len(found) < filter.Limit; i-- {
		if filter.Before == 0 || int64(i) < filter.Before {
			entry := s.audit[i-1]
			entry.Number = int64(i)
			found = append(found, entry)
		}
	}
	return found, err
}

// actions are those of the record, oldest first.
func (s *fakeStore) actions() (actions []string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, entry := range s.audit {
		actions = append(actions, entry.Action)
	}
	return actions
}

func (s *fakeStore) ListUsers(_ context.Context, filter persistence.UserFilter) ([]persistence.User, error) {
	leave, err := s.enter()
	defer leave()
	var found []persistence.User
	for _, email := range slices.Sorted(maps.Keys(s.users)) {
		user := s.users[email]
		if email > filter.After && strings.HasPrefix(email, filter.EmailPrefix) && (filter.Role == "" || user.Role == filter.Role) && len(found) < filter.Limit {
			found = append(found, user)
		}
	}
	return found, err
}

func (s *fakeStore) CreateFirstAdmin(_ context.Context, user persistence.User, audit persistence.AuditEntry) error {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return err
	}
	for _, other := range s.users {
		if other.Role == persistence.RoleAdmin {
			return persistence.ErrVersion
		}
		if other.Email == user.Email {
			return persistence.ErrExists
		}
	}
	s.users[user.Email] = user
	s.audit = append(s.audit, audit)
	return nil
}

func (s *fakeStore) ChangeUser(_ context.Context, id inventory.ID, change persistence.UserChange) (persistence.User, []inventory.ID, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return persistence.User{}, nil, err
	}
	for email, user := range s.users {
		if user.ID != id {
			continue
		}
		before := user.Version
		if err := change.Apply(&user); err != nil {
			return persistence.User{}, nil, err
		}
		delete(s.users, email)
		s.users[user.Email] = user
		var ended []inventory.ID
		for session, kept := range s.sessions {
			if user.Version != before && kept.User == id && session != change.Keep && kept.EndedAt == 0 {
				kept.EndedAt = change.At
				s.sessions[session] = kept
				ended = append(ended, session)
			}
		}
		if change.Audit != nil && change.Audit.Action != "" {
			s.audit = append(s.audit, *change.Audit)
		}
		if err, s.changeError = s.changeError, nil; err != nil {
			return persistence.User{}, nil, err
		}
		return user, ended, nil
	}
	return persistence.User{}, nil, persistence.ErrNotFound
}

func (s *fakeStore) APIKeys(context.Context) (all []persistence.APIKey, err error) {
	leave, err := s.enter()
	defer leave()
	for _, key := range s.keys {
		all = append(all, key)
	}
	slices.SortFunc(all, func(a, b persistence.APIKey) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

func (s *fakeStore) CreateAPIKey(_ context.Context, key persistence.APIKey, audit persistence.AuditEntry) error {
	leave, err := s.enter()
	defer leave()
	for _, other := range s.keys {
		if other.Name == key.Name {
			return persistence.ErrExists
		}
	}
	s.keys[key.Hash] = key
	s.audit = append(s.audit, audit)
	return err
}

func (s *fakeStore) DeleteAPIKey(_ context.Context, id inventory.ID, audit persistence.AuditEntry) error {
	leave, err := s.enter()
	defer leave()
	for hash, key := range s.keys {
		if key.ID == id {
			delete(s.keys, hash)
			s.audit = append(s.audit, audit)
			return err
		}
	}
	return persistence.ErrNotFound
}

func (s *fakeStore) StockAt(_ context.Context, product inventory.ID, at inventory.Instant) (stock inventory.Stock, err error) {
	leave, err := s.enter()
	defer leave()
	for _, m := range s.movements {
		if m.ProductID == product && m.At <= at {
			stock = m.After
		}
	}
	return stock, err
}

func (s *fakeStore) Movements(_ context.Context, filter persistence.MovementFilter) ([]persistence.Movement, error) {
	leave, err := s.enter()
	defer leave()
	var found []persistence.Movement
	for i := len(s.movements) - 1; i >= 0 && len(found) < filter.Limit; i-- {
		m := s.movements[i]
		if m.ProductID == filter.Product && (filter.Before == 0 || m.After.Version < filter.Before) {
			found = append(found, m)
		}
	}
	return found, err
}
