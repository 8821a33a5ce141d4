package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/alecthomas/kong"
)

type configPrintCommand struct {
	serverOptions `embed:""`
}

// Run prints the options in force as a JSON object, sorted by name. Options
// without a value are left out, so what is printed can be given to --config,
// once the secrets are put back.
func (c *configPrintCommand) Run(p *program, parsed *kong.Context) error {
	values := make(map[string]any)
	for _, flag := range parsed.Flags() {
		if len(flag.Envs) == 0 || flag.Name == "config" {
			continue
		}
		if value := printable(flag.Target.Interface()); value != "" {
			values[optionName(flag)] = value
		}
	}
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(values); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return nil
}

// printable turns a value of an option into one for JSON.
func printable(value any) any {
	switch value := value.(type) {
	case secret:
		return value.String()
	case time.Duration:
		return value.String()
	}
	return value
}
