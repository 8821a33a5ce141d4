package inventory

// Every bound of the domain, with what happens at it. A value beyond a bound is
// answered with validation_failed and has no effect.
const (
	// StockQuantityMax bounds every stock quantity of one product. Sums of a few
	// such values stay far below the range of int64.
	StockQuantityMax = 1_000_000_000_000
	// LineQuantityMax bounds the units of one product in one order.
	LineQuantityMax = 1_000_000
	// OrderLinesMax bounds the distinct products of one order that a record may
	// carry. It also bounds what a decoder allocates for one record.
	OrderLinesMax = 2_000
	// PriceMinorMax bounds the price of one unit, in minor units of its currency.
	PriceMinorMax = 1_000_000_000_000
	// SKUBytesMax bounds a stock keeping unit.
	SKUBytesMax = 64
	// ReasonBytesMax and NoteBytesMax bound the words of a stock adjustment.
	ReasonBytesMax = 64
	NoteBytesMax   = 500
	// HoldSecondsDefault is how long an unpaid order keeps its units.
	HoldSecondsDefault = 600
	HoldSecondsMin     = 1
	HoldSecondsMax     = 7 * 24 * 3600
)

// The total of one line cannot overflow: the product of the two bounds fits.
const _ = uint64(1<<63-1) - uint64(LineQuantityMax)*uint64(PriceMinorMax)
