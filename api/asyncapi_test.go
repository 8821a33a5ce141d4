package api

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func socketMessages() []socketMessage {
	return slices.Concat(socketCommands, socketAnswers, socketFrames)
}

// canonical is a JSON text with its members in order.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	value := jsontext.Value(slices.Clone(text))
	require.NoError(t, value.Canonicalize())
	return string(value)
}

// The types of the document say all that the lines of the protocol's page say, and nothing
// else. The page is what is sent, byte for byte: see the tests of the ticker.
func TestTheSocketDocumentSaysWhatIsSent(t *testing.T) {
	page, err := os.ReadFile("../documentation/protocol.md")
	require.NoError(t, err)
	lines := strings.Split(string(page), "\n")
	for _, message := range socketMessages() {
		require.Contains(t, lines, message.example, "%s is in the page", message.name)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		fits := slices.ContainsFunc(socketMessages(), func(message socketMessage) bool {
			into := reflect.New(message.of)
			if json.Unmarshal([]byte(line), into.Interface(), json.RejectUnknownMembers(true)) != nil {
				return false
			}
			again, err := json.Marshal(into.Interface())
			require.NoError(t, err)
			return canonical(t, again) == canonical(t, []byte(line)) && into.Elem().FieldByNameFunc(func(name string) bool {
				return name == "Kind" || name == "Op"
			}).String() == kindOf(t, line, message.of)
		})
		require.True(t, fits, "no message of the document is %s", line)
	}
}

// kindOf is what a line has for the member whose values a type fixes.
func kindOf(t *testing.T, line string, of reflect.Type) string {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &members))
	s := schemaOf(of)
	for _, name := range []string{"t", "op"} {
		if one := s.property(name); one != nil && len(one.schema.enum) == 1 {
			if kind, is := members[name].(string); is && kind == one.schema.enum[0] {
				return kind
			}
		}
	}
	return ""
}

// The document points only at what is in it, and every command has an answer.
func TestTheSocketDocumentIsWhole(t *testing.T) {
	s := newStand(t)
	got := s.do(call{method: "GET", path: "/api/asyncapi.json"})
	require.Equal(t, 200, got.status)
	document := got.json
	require.Equal(t, "3.0.0", document["asyncapi"])
	require.Len(t, document["operations"], len(socketCommands)+1)
	var follow func(value any)
	follow = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, one := range value {
				follow(one)
			}
		case map[string]any:
			if to, is := value["$ref"].(string); is {
				require.NotNil(t, resolve(document, to), to)
			}
			for _, one := range value {
				follow(one)
			}
		}
	}
	follow(document)
}

func resolve(document map[string]any, to string) any {
	var at any = document
	for _, name := range strings.Split(strings.TrimPrefix(to, "#/"), "/") {
		object, is := at.(map[string]any)
		if !is {
			return nil
		}
		at = object[name]
	}
	return at
}
