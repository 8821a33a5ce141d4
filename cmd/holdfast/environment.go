package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const environmentPrefix = "HOLDFAST_"

// unknownVariables returns the names in environment that have our prefix and
// belong to no option, sorted.
func unknownVariables(root *kong.Node, environment []string) []string {
	known := make(map[string]bool)
	eachOption(root, func(flag *kong.Flag) {
		for _, name := range flag.Envs {
			known[name] = true
		}
	})
	var unknown []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, environmentPrefix) && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
