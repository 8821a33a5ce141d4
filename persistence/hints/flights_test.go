package hints

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/persistence"
)

// Who was told that a load has panicked asks again, and used to be given the same panic
// when the next question came before the flight was taken from the list.
func TestAPanicIsToldOnce(t *testing.T) {
	var flights Flights
	for range 20_000 {
		_, _, err := flights.Do(t.Context(), "key", func(context.Context, *Flight) { panic("a bug") })
		require.ErrorIs(t, err, persistence.ErrLoadFailed)
		value, shared, err := flights.Do(t.Context(), "key", func(_ context.Context, flight *Flight) {
			flight.End([]byte("right"), nil)
		})
		require.NoError(t, err)
		require.False(t, shared)
		require.Equal(t, "right", string(value))
	}
}
