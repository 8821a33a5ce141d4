package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// addressBytesMax bounds a file that has the address of a server.
const addressBytesMax = 4096

// addressOf returns the address of a server that the program uses: the one that is given,
// or else what is in the file, or nothing when there is neither. variable is the name of
// the option in the environment.
func addressOf(variable string, given secret, path string) (string, error) {
	if given != "" || path == "" {
		return string(given), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the file of %s_FILE: %w", variable, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, addressBytesMax))
	if err != nil {
		return "", fmt.Errorf("read the file of %s_FILE: %w", variable, err)
	}
	address := strings.TrimSpace(string(text))
	if address == "" {
		return "", usagef("the file %s, of %s_FILE, is empty", path, variable)
	}
	return address, nil
}
