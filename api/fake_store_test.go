package api

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"holdfast/inventory"
	"holdfast/persistence"
)

// fakeStore keeps accounts and catalogue in maps. What the front end does not
// ask a store for is not there.
type fakeStore struct {
	persistence.Store
	lock     sync.Mutex
	users    map[string]persistence.User
	keys     map[[32]byte]persistence.APIKey
	products map[inventory.ID]persistence.CatalogueProduct
	// down, when set, is the answer to everything; asked counts the questions.
	down  error
	asked int
}

var errDown = errors.New("connection refused at /secret/path.db")

func newFakeStore() *fakeStore {
	return &fakeStore{users: map[string]persistence.User{}, keys: map[[32]byte]persistence.APIKey{},
		products: map[inventory.ID]persistence.CatalogueProduct{}}
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
	if !found {
		return product, persistence.ErrNotFound
	}
	return product, nil
}

func (s *fakeStore) Products(_ context.Context, filter persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	leave, err := s.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var found []persistence.CatalogueProduct
	for _, product := range s.products {
		if (filter.Category == "" || product.Category == filter.Category) && bytes.Compare(product.ID[:], filter.After[:]) > 0 {
			found = append(found, product)
		}
	}
	slices.SortFunc(found, func(a, b persistence.CatalogueProduct) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return found[:min(len(found), filter.Limit)], nil
}

func (s *fakeStore) Ping(context.Context) error {
	leave, err := s.enter()
	defer leave()
	return err
}
