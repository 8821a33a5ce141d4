package password

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const (
	// workerName is what a process that hashes passwords is called, and how it is known.
	workerName = "holdfast-hasher"
	// workMax is how long one hash takes at most, on processors that others want too. It
	// ends before a server that stops stops waiting for its requests.
	workMax = 20 * time.Second
)

// What a process gives way to, of those that want a processor.
const (
	// idle gives way to all, at once. Where all processors are busy it gets next to nothing:
	// that is seen by idlePatience, and the next hashesNice are left to a nice one.
	idle         = "idle"
	idlePatience = time.Second
	// nice gets a tenth of a processor that another one wants, and keeps it for some
	// milliseconds.
	nice       = "nice"
	hashesNice = 32
)

// WorkerBytes is about the memory that one process of [NewWorkerHasher] takes.
const WorkerBytes = 48 << 20

// question is what a worker is asked, one after the other; answer is its answer.
type question struct {
	Password, Salt []byte
	Time, Memory   uint32
	Threads        uint8
	KeyBytes       int
}

type answer struct{ Key []byte }

// Work makes keys of passwords for the process that has started this one, and does not
// return; in every other process it does nothing. A program that uses [NewWorkerHasher]
// must call it before anything else.
func Work() {
	if len(os.Args) == 0 || os.Args[0] != workerName {
		return
	}
	// A service manager and a terminal tell every process of a server to end. This one
	// ends when nobody can ask it any more: whoever is logging in then gets an answer.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 {
		err = giveWay(os.Args[1])
	}
	if err == nil {
		// What tools show; without, it is the name of the file. Nothing depends on it.
		_ = os.WriteFile("/proc/self/comm", []byte(workerName), 0)
		err = work(os.Stdin, os.Stdout)
	}
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// work answers questions until there are no more.
func work(questions io.Reader, answers io.Writer) error {
	decoder, encoder := json.NewDecoder(questions), json.NewEncoder(answers)
	for {
		var q question
		switch err := decoder.Decode(&q); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read what to hash: %w", err)
		}
		key, _ := inProcess{}.derive(string(q.Password), parameters{memory: q.Memory, time: q.Time,
			threads: q.Threads, salt: q.Salt, key: make([]byte, q.KeyBytes)})
		if err := encoder.Encode(answer{Key: key}); err != nil {
			return fmt.Errorf("answer with a key: %w", err)
		}
		// The next hash finds the memory of this one, instead of having its own beside it.
		runtime.GC()
	}
}

// worker derives keys in a process of its own, which starts when it is needed first, and
// again after it has died.
type worker struct {
	// patience is how long an idle process has for a key.
	patience time.Duration
	// nice counts the hashes for which it is a nice process, until it is an idle one again.
	nice    int
	command *exec.Cmd
	stdin   io.WriteCloser
	encoder *json.Encoder
	decoder *json.Decoder
}

func (w *worker) derive(password string, p parameters) ([]byte, error) {
	q := question{Password: []byte(password), Salt: p.salt, Time: p.time, Memory: p.memory, Threads: p.threads, KeyBytes: p.keyBytes()}
	if w.nice > 0 {
		if w.nice--; w.nice == 0 {
			w.close()
		}
	}
	if w.nice == 0 {
		key, err := w.askAgain(&q, idle, w.patience)
		if !errors.Is(err, ErrBusy) {
			return key, err
		}
		w.nice = hashesNice
	}
	return w.askAgain(&q, nice, workMax)
}

// askAgain asks, and once more if the process has died since it was asked last.
func (w *worker) askAgain(q *question, manner string, patience time.Duration) ([]byte, error) {
	running := w.command != nil
	key, err := w.ask(q, manner, patience)
	if err != nil && running && !errors.Is(err, ErrBusy) {
		key, err = w.ask(q, manner, patience)
	}
	return key, err
}

// ask asks once. The error is [ErrBusy] when the answer took longer than patience. After an
// error there is no process any more.
func (w *worker) ask(q *question, manner string, patience time.Duration) ([]byte, error) {
	if err := w.start(manner); err != nil {
		return nil, fmt.Errorf("start a process that hashes passwords: %w", err)
	}
	process := w.command.Process
	timer := time.AfterFunc(patience, func() { _ = process.Kill() }) // unless it has just ended
	var a answer
	err := w.encoder.Encode(q)
	if err == nil {
		err = w.decoder.Decode(&a)
	}
	if err == nil && len(a.Key) != q.KeyBytes {
		err = errors.New("the key has another length")
	}
	switch late := !timer.Stop(); {
	case late:
		w.close()
		return nil, fmt.Errorf("%w: no key within %v", ErrBusy, patience)
	case err != nil:
		return nil, fmt.Errorf("ask a process that hashes passwords: %w (%s)", err, w.end())
	}
	return a.Key, nil
}

// start starts the process if there is none, which is one that gives way as manner says.
func (w *worker) start(manner string) error {
	if w.command != nil {
		return nil
	}
	path, err := executable()
	if err != nil {
		return err
	}
	// It needs nothing of what the environment tells, and secrets least.
	command := &exec.Cmd{Path: path, Args: []string{workerName, manner}, Env: []string{}}
	stdin, err := command.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return errors.Join(err, stdin.Close())
	}
	if err := command.Start(); err != nil {
		return err // it has closed the pipes
	}
	w.command, w.stdin, w.encoder, w.decoder = command, stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)
	return nil
}

func (w *worker) close() {
	if w.command != nil {
		w.end()
	}
}

// end ends the process, and returns how it ended.
func (w *worker) end() string {
	_ = w.stdin.Close()          // nothing that was written is missed
	_ = w.command.Process.Kill() // it may have ended
	_ = w.command.Wait()         // what it says is in the state
	state := w.command.ProcessState.String()
	w.command = nil
	return state
}
