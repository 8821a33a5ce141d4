package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// configBytesMax bounds a configuration file.
const configBytesMax = 1 << 20

// fileValues are the options of a file, by their names in snake case. It is a
// resolver of kong's, which asks for one value after the other.
type fileValues map[string]string

// loadFile reads a JSON object whose members are strings, numbers or booleans.
// Duplicate members are refused.
func loadFile(file io.Reader) (kong.Resolver, error) {
	data, err := io.ReadAll(io.LimitReader(file, configBytesMax))
	if err != nil {
		return nil, fmt.Errorf("read the configuration file: %w", err)
	}
	var raw map[string]jsontext.Value
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read the configuration file: %w", err)
	}
	values := make(fileValues, len(raw))
	for name, value := range raw {
		switch value.Kind() {
		case '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, fmt.Errorf("read %s of the configuration file: %w", name, err)
			}
			values[name] = text
		case '0', 't', 'f':
			values[name] = value.String()
		default:
			return nil, fmt.Errorf("%s of the configuration file is neither text nor a number, true or false", name)
		}
	}
	return values, nil
}

// Validate refuses members that no command knows: a misspelt option must not be
// silently without effect.
func (v fileValues) Validate(application *kong.Application) error {
	known := make(map[string]bool)
	eachOption(application.Node, func(flag *kong.Flag) { known[optionName(flag)] = true })
	delete(known, "config")
	var unknown []string
	for name := range v {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return usagef("the configuration file has unknown options: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve returns the value of a flag, unless the environment has one: kong itself
// would let the file win.
func (v fileValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	if value, found := v[optionName(flag)]; found && len(flag.Envs) > 0 {
		return value, nil
	}
	return nil, nil
}

// optionName is the name of a flag in a configuration file.
func optionName(flag *kong.Flag) string { return strings.ReplaceAll(flag.Name, "-", "_") }

// eachOption visits the flags of all commands that are options, which are those
// with an environment variable. Several commands may have the same one.
func eachOption(node *kong.Node, visit func(*kong.Flag)) {
	for _, flag := range node.Flags {
		if len(flag.Envs) > 0 {
			visit(flag)
		}
	}
	for _, child := range node.Children {
		eachOption(child, visit)
	}
}
