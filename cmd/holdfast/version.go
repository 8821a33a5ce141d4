package main

import (
	"encoding/json"
	"fmt"
	"runtime"
)

// version and revision are set by the build: see the Makefile.
var (
	version  = "development"
	revision = "unknown"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print a JSON object."`
}

// Run prints what was built, and with what.
func (c *versionCommand) Run(p *program) error {
	var err error
	if c.JSON {
		err = json.NewEncoder(p.stdout).Encode(map[string]string{
			"version": version, "revision": revision, "go": runtime.Version(), "platform": platform()})
	} else {
		_, err = fmt.Fprintln(p.stdout, versionText())
	}
	if err != nil {
		return fmt.Errorf("print the version: %w", err)
	}
	return nil
}

func versionText() string {
	return fmt.Sprintf("holdfast %s (revision %s, %s, %s)", version, revision, runtime.Version(), platform())
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
