package journal

import "holdfast/inventory"

// What the tests need to know about the format.
const (
	SegmentHeaderBytes = segmentHeaderBytes
	FrameHeaderBytes   = frameHeaderBytes
	WatermarkName      = watermarkName
	ReserveName        = reserveName
	RecoveryName       = recoveryName
)

// SegmentName names a segment.
var SegmentName = segmentName

// WithIdentity makes the id of a new journal known.
func WithIdentity(options Options, id inventory.ID) Options {
	options.identity = func() (inventory.ID, error) { return id, nil }
	return options
}
