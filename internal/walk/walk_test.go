package walk

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWalkGoesOnWhereItWas(t *testing.T) {
	var w Walk[int]
	var seen []int
	failing := errors.New("away")
	for _, err := range []error{nil, failing, nil, nil} {
		done, got := w.Step(func(from int) (int, int, error) {
			seen = append(seen, from)
			return 7, (from + 1) % 2, err
		})
		require.Equal(t, err, got)
		require.Equal(t, map[bool]int{true: 7, false: 0}[err == nil], done)
	}
	require.Equal(t, []int{0, 1, 1, 0}, seen)
}
