package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"holdfast/api"
)

// mailJSON is what the program that delivers a mail gets on stdin.
type mailJSON struct {
	Kind      string `json:"kind"`
	To        string `json:"to"`
	Name      string `json:"name"`
	Token     string `json:"token"`
	ExpiresAt string `json:"expires_at"`
}

// withoutOwn is an environment without what is for this program: keys and passwords are.
func withoutOwn(environment []string) (kept []string) {
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "HOLDFAST_") && !slices.Contains([]string{"DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY"}, name) {
			kept = append(kept, variable)
		}
	}
	return kept
}

// mailer returns what hands mails to a program, or nil when there is none. What the program
// prints is not read: it may have the token in it.
func mailer(command string) func(context.Context, api.Mail) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context, mail api.Mail) error {
		text, err := json.Marshal(mailJSON{Kind: mail.Kind, To: mail.To, Name: mail.Name, Token: mail.Token, ExpiresAt: instantText(mail.ExpiresAt)})
		if err != nil {
			return err
		}
		program := exec.CommandContext(ctx, command) // #nosec G204 -- it is what the operator has configured
		program.Stdin, program.Env = bytes.NewReader(text), withoutOwn(os.Environ())
		if err := program.Run(); err != nil {
			return fmt.Errorf("run %s: %w", command, err)
		}
		return nil
	}
}
