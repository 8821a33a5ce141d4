// Package journal keeps records in files: it is the [persistence.Journal] of one
// machine, the truth of stock and orders.
//
// # Model
//
// A journal is a sequence of records, numbered from 1 without a gap. Records that
// became durable together are a batch; a batch is one frame in a file. Batches
// form by themselves: while one is written and synced, the next one gathers what
// is appended meanwhile.
//
//	Append ─▶ pending batch ─▶ writer: one write, one sync ─▶ watermark ─▶ Durable(nil)
//	                              │
//	               preparer: the next segment, zero-filled and synced, ahead of need
//
// Append encodes a record straight into the pending batch, under one lock, and
// never waits for the disk. One writer goroutine does everything that makes
// records durable. One preparer goroutine makes room before it is needed, so that
// a record which was appended always has its place: a full disk stops appends,
// never a batch.
//
// # Files
//
//	00000000000000000001.journal   a segment, named by its first sequence
//	watermark                      what was acknowledged, at least
//	reserve                        room for a start on a full disk, see below
//	*.tmp                          unfinished; removed at the next start
//
// The file that [LockDirectory] locks is not among them: it is in the data directory
// of the program, which this one is a part of.
//
// # A full disk
//
// A full disk refuses records, and it must not refuse a start. A start copies the last
// segment (W6), so one that finds no space needs a file that has it already: the
// reserve, zeros of the size of a segment. It is renamed to a temporary name, durably,
// written in place like any new file, and takes the place of the old segment, whose
// space the preparer makes the next reserve of, before anything else. Renaming instead
// of removing keeps the space from everybody else on the disk, and the temporary name
// in between sees to it that no crash leaves the name "reserve" on a segment.
//
// The reserve is as large as the current segment, and no segment is prepared before it
// is as large as that one will be. So there is always a reserve for the last segment,
// or its space is free: until the first one is made, for the moment after one was
// taken, and after a loss of power that took its name back. Only if something else
// fills the disk in such a moment does Open fail, say how many bytes it needs, and
// wrap persistence.ErrJournalFull; then no segment was changed.
//
// A journal that was opened so is whole: it is read and recovered from. Appends go on
// as far as the current segment has room, and are answered persistence.ErrJournalFull
// until there is space for the next.
//
// # Bytes of a segment
//
// Integers are little-endian. A segment has its full size from the beginning:
// everything that was not written is zero. The header fills 4096 bytes:
//
//	0     8   magic "HOLDFAST"
//	8     4   format version (1)
//	12    4   epoch
//	16    16  journal id, random, the same in every segment
//	32    8   first sequence
//	40    16  hash of the batch before, zero before sequence 1
//	56    8   size of the file
//	64    ..  zero
//	4092  4   CRC-32C of all bytes before
//
// Frames follow. Each begins at a multiple of 512 bytes and is padded with zeros
// up to one, so no write touches a sector that holds acknowledged bytes:
//
//	0     4   magic "HFB1"; zero: no frame here
//	4     4   CRC-32C of the bytes from 8 to the end of the payload
//	8     4   payload bytes
//	12    4   number of records, at least 1
//	16    8   sequence of the first record
//	24    4   epoch, never lower than that of the batch before
//	28    4   zero
//	32    16  journal id
//	48    16  hash of the batch before
//	64    ..  payload: each record as its length (4) and its bytes
//
// The hash of a batch is the first 16 bytes of the SHA-256 of its frame from 12 to
// the end of the payload. It covers the hash before, so that one hash names the
// whole history up to it.
//
// The watermark is 64 bytes, overwritten in place after each sync and before the
// entries are told. It is itself synced only by Close: it outlives the process,
// and after a loss of power it is still a lower bound of what was acknowledged:
//
//	0     8   magic "HFWATER1"
//	8     16  journal id
//	24    16  hash of the batch
//	40    8   sequence
//	48    4   epoch
//	52    4   1 after Close, else 0
//	56    4   zero
//	60    4   CRC-32C of all bytes before
//
// # Invariants
//
//	W1  A batch is told durable only after its bytes, and the directory entry of
//	    its segment, are synced. There is no switch.
//	W2  One batch is in flight at a time. So after a crash at most one batch is torn,
//	    and it is the last one.
//	W3  A segment gets its name only after its header and its first batch are
//	    synced. So a segment with a damaged header was damaged later.
//	W4  The first failed write or sync ends the journal. Nothing is tried again.
//	W5  Bytes that cannot be verified are dropped only as a torn tail: in the last
//	    segment, followed by no valid frame, above the watermark and above what SQL
//	    holds. Anything else is refused, and no file is changed.
//	W6  What a start found may exist only in the page cache. So every start copies
//	    the last segment into a new file and syncs it before anything is served.
//	W7  Segments are deleted from the oldest on, with the directory synced after each.
//	W8  A copy is not larger than its original, and a segment is not prepared before
//	    the reserve is as large: a start never needs more space than there is.
package journal
