package ticker

// member is a product of a group.
type member struct {
	state
	// sequence is that of its last change, facts that of the last change of what the
	// catalogue says of it.
	sequence, facts uint64
	left            bool
	seller          seller
}

// write writes the row of a member.
func (m *member) write(to *message, key chunkKey) {
	switch {
	case m.left:
		to.object("")
		to.text("p", m.product.String())
		to.unsigned("n", m.number)
		to.yes("gone")
		to.end()
	case key.whole || m.facts > key.after:
		to.object("")
		m.writeRow(to)
		m.writeStale(to)
		to.end()
	case to.format == formatMsgpack && !m.stale:
		to.name("")
		to.data = m.appendRow(appendMsgpackList(to.data, 8))
	default:
		to.object("")
		m.writeNumber(to)
		m.writeStock(to)
		m.writeStale(to)
		to.end()
	}
}

func (m *member) writeStale(to *message) {
	if m.stale {
		to.yes("stale")
	}
}
