package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"

	"holdfast/persistence"
	"holdfast/persistence/journal"
)

type journalVerifyCommand struct {
	JSON        bool `name:"json" help:"Print a JSON object."`
	JournalOnly bool `help:"Do not compare the journal with the database."`
}

// Run prints what was verified, also when something after it cannot be.
func (c *journalVerifyCommand) Run(ctx context.Context, p *program) (err error) {
	directory, err := p.openJournalDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	var projected persistence.Position
	if !c.JournalOnly {
		if projected, err = p.projectedPosition(ctx, directory); err != nil {
			return err
		}
	}
	report, err := journal.Verify(presentDisk{}, directory.journal(), projected)
	show := printReport
	if c.JSON {
		show = printReportJSON
	}
	return errors.Join(err, show(p.stdout, &report))
}

// openJournalDirectory takes a data directory that was used already: a look into
// one must not make one, and must not see it change. Before the first start of a
// server it has a database and no journal.
func (p *program) openJournalDirectory() (*dataDirectory, error) {
	there := dataDirectory{path: p.options.DataDir}
	for _, path := range []string{there.journal(), there.database()} {
		_, err := os.Stat(path)
		if err == nil {
			return p.openDataDirectory()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for a journal: %w", err)
		}
	}
	return nil, fmt.Errorf("%s has neither a journal nor a database: name the data directory with --data-dir", there.path)
}

// presentDisk is the disk as it is: a folder that is not there has no files. So a
// journal that was never made is empty, and one that was lost is missed by the
// database.
type presentDisk struct{ journal.Disk }

// List implements [journal.FS].
func (d presentDisk) List(directory string) ([]string, error) {
	names, err := d.Disk.List(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// projectedPosition returns what the database holds; zero when there is none.
func (p *program) projectedPosition(ctx context.Context, directory *dataDirectory) (position persistence.Position, err error) {
	address, err := p.options.databaseURL()
	if err != nil {
		return position, err
	}
	if _, err := os.Stat(directory.database()); address == "" && errors.Is(err, fs.ErrNotExist) {
		return position, nil
	}
	store, err := p.openDatabase(ctx, directory)
	if err != nil {
		return position, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Position(ctx)
}

func printReport(out io.Writer, report *journal.Report) error {
	if len(report.Segments) == 0 {
		_, err := fmt.Fprintln(out, "There is no journal: the first start of the server makes it.")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "journal\t%s\n", report.Journal)
	fmt.Fprintf(table, "records\t%d in %d batches, from %d to %d\n", report.Records, report.Batches, report.First, report.End.Sequence)
	fmt.Fprintf(table, "end\t%s\n", report.End)
	closed := "yes"
	if !report.Clean {
		closed = "no: the process was killed, or the machine"
	}
	fmt.Fprintf(table, "closed in order\t%s\n", closed)
	fmt.Fprintf(table, "torn tail\t%d bytes that nobody was told are durable\n", report.TornBytes)
	for _, segment := range report.Segments {
		fmt.Fprintf(table, "%s\t%d to %d, %d of %d bytes\n", segment.Name, segment.First, segment.Last, segment.UsedBytes, segment.Bytes)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// reportJSON is the form of a report for programs.
type reportJSON struct {
	Journal       string        `json:"journal"`
	FirstSequence uint64        `json:"first_sequence"`
	LastSequence  uint64        `json:"last_sequence"`
	LastHash      string        `json:"last_hash"`
	Epoch         uint32        `json:"epoch"`
	Batches       int64         `json:"batches"`
	Records       int64         `json:"records"`
	TornBytes     int64         `json:"torn_bytes"`
	ClosedInOrder bool          `json:"closed_in_order"`
	Segments      []segmentJSON `json:"segments"`
}

type segmentJSON struct {
	Name          string `json:"name"`
	FirstSequence uint64 `json:"first_sequence"`
	LastSequence  uint64 `json:"last_sequence"`
	UsedBytes     int64  `json:"used_bytes"`
	Bytes         int64  `json:"bytes"`
}

func printReportJSON(out io.Writer, report *journal.Report) error {
	printed := reportJSON{Journal: report.Journal.String(), FirstSequence: report.First, LastSequence: report.End.Sequence,
		LastHash: fmt.Sprintf("%x", report.End.Hash), Epoch: report.End.Epoch, Batches: report.Batches, Records: report.Records,
		TornBytes: report.TornBytes, ClosedInOrder: report.Clean, Segments: []segmentJSON{}}
	for _, segment := range report.Segments {
		printed.Segments = append(printed.Segments, segmentJSON{Name: segment.Name, FirstSequence: segment.First,
			LastSequence: segment.Last, UsedBytes: segment.UsedBytes, Bytes: segment.Bytes})
	}
	if err := json.NewEncoder(out).Encode(printed); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}
