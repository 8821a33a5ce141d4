package bench

import "context"

type fullClients struct{}
type fullRow struct{}

func (r *watchRun) openFull(context.Context) (*fullClients, error) { return &fullClients{}, nil }
func (f *fullClients) close()                                      {}
func (f *fullClients) count() int                                  { return 0 }
func (f *fullClients) shown() int64                                { return 0 }
func (f *fullClients) row() fullRow                                { return fullRow{} }
func (f *fullClients) show(productStock) bool                      { return true }
func (f *fullClients) String() string                              { return "none" }
