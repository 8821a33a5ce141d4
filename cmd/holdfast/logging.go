package main

import (
	"io"
	"log/slog"
	"os"
)

// newLogger returns the logger that the options ask for.
func newLogger(out io.Writer, options *globalOptions) *slog.Logger {
	var level slog.Level
	// The text is one of the enumeration's, so it is a level.
	_ = level.UnmarshalText([]byte(options.LogLevel))
	handlerOptions := &slog.HandlerOptions{Level: level, ReplaceAttr: durationsAsText}
	if options.LogFormat == "text" || options.LogFormat == "auto" && isTerminal(out) {
		return slog.New(slog.NewTextHandler(out, handlerOptions))
	}
	return slog.New(slog.NewJSONHandler(out, handlerOptions))
}

// durationsAsText shows 25s as such, in JSON too: there it would be a number of
// nanoseconds.
func durationsAsText(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Value.Kind() == slog.KindDuration {
		attribute.Value = slog.StringValue(attribute.Value.Duration().String())
	}
	return attribute
}

// isTerminal reports whether stream is a character device.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	information, err := file.Stat()
	return err == nil && information.Mode()&os.ModeCharDevice != 0
}
