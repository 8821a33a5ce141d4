package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// The README lists every option of the server, with its default, and no other.
func TestReadmeListsTheOptions(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	parser, err := kong.New(&commandLine{}, kong.Vars{"data_dir": "./data", "version": ""})
	require.NoError(t, err)
	var table strings.Builder
	for _, node := range parser.Model.Children {
		if node.Name != "serve" {
			continue
		}
		for _, flag := range append(parser.Model.Flags, node.Flags...) {
			if len(flag.Envs) > 0 {
				fmt.Fprintf(&table, "| `%s` | %s | %s |\n", flag.Envs[0], flag.Default, strings.ReplaceAll(flag.Help, "|", "\\|"))
			}
		}
	}
	require.Contains(t, string(readme), "| variable | default | meaning |\n|---|---|---|\n"+table.String()+"\n",
		"put this table into README.md:\n%s", table.String())
}
