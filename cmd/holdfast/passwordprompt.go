package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// passwordLineMax bounds the line that is read, in bytes: above what the longest
// accepted password can take.
const passwordLineMax = 1024

var errNoTerminal = usagef("stdin is no terminal to ask for the password: use --password-stdin")

// readPassword reads the first line of stdin, or asks a person twice.
func (p *program) readPassword(ctx context.Context, fromStdin bool) (string, error) {
	lines := bufio.NewReader(io.LimitReader(p.stdin, 2*passwordLineMax))
	if fromStdin {
		return readLine(lines)
	}
	terminal, ok := p.stdin.(*os.File)
	if !ok || !isTerminal(terminal) {
		return "", errNoTerminal
	}
	show, err := hideInput(terminal)
	if err != nil {
		return "", err
	}
	defer show()
	first, err := p.ask(ctx, lines, "Password (15 characters or more): ")
	if err != nil {
		return "", err
	}
	second, err := p.ask(ctx, lines, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", usagef("the two passwords differ")
	}
	return first, nil
}

// ask returns when a line came or ctx ended, so that the terminal can be put
// right after an interrupt.
func (p *program) ask(ctx context.Context, lines *bufio.Reader, question string) (string, error) {
	fmt.Fprint(p.stderr, question)
	defer fmt.Fprintln(p.stderr)
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := readLine(lines)
		answers <- answer{line, err}
	}()
	select {
	case answer := <-answers:
		return answer.line, answer.err
	case <-ctx.Done():
		return "", errors.New("interrupted")
	}
}

func readLine(lines *bufio.Reader) (string, error) {
	line, err := lines.ReadString('\n')
	if errors.Is(err, io.EOF) && line == "" {
		return "", usagef("stdin ended before a password")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) > passwordLineMax || !utf8.ValidString(line) {
		return "", usagef("the password is too long or not UTF-8")
	}
	return line, nil
}
