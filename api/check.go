package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"holdfast/inventory"
)

// fieldError is one entry of errors[] in a problem.
type fieldError struct {
	pointer, detail string
	code            inventory.Code
	// Requested and available are shown when figures is set.
	figures              bool
	requested, available int64
}

// Codes of single members. They appear in errors[] only.
const (
	fieldRequired inventory.Code = "required"
	fieldUnknown  inventory.Code = "unknown_member"
	fieldInvalid  inventory.Code = "invalid_value"
)

// decodeStrict reads body into target, whose schema is expected. malformed says
// why the body is not JSON at all, or not of the strict kind that is accepted:
// one value, no duplicate names, valid UTF-8, bounded depth. fields are the
// members that the schema refuses, all of them.
func decodeStrict(body []byte, expected *schema, target any) (malformed string, fields []fieldError) {
	if len(bytes.TrimSpace(body)) == 0 {
		return "The body is empty.", nil
	}
	c := checker{decoder: jsontext.NewDecoder(bytes.NewReader(body))}
	c.value(expected)
	if c.err == nil {
		c.end()
	}
	switch {
	case c.err != nil:
		return c.explain(), nil
	case len(c.fields) > 0:
		return "", c.fields
	}
	if err := json.Unmarshal(body, target, json.RejectUnknownMembers(true)); err != nil {
		// The schema accepts only what the struct can take, so this is a bug in
		// the struct's tags. The caller is refused all the same.
		return "The body cannot be read.", nil
	}
	return "", nil
}

// checker walks the tokens of a body along a schema. It goes on after a refused
// member, so that the caller learns of all of them, and stops at the first
// malformed token.
type checker struct {
	decoder *jsontext.Decoder
	fields  []fieldError
	err     error
	tooDeep bool
}

func (c *checker) explain() string {
	if c.tooDeep {
		return fmt.Sprintf("The body is nested deeper than %d.", jsonDepthMax)
	}
	return fmt.Sprintf("The body is not one strict JSON value; see byte %d.", c.decoder.InputOffset())
}

// refuse records that the value at the decoder's place is refused.
func (c *checker) refuse(code inventory.Code, detail string) {
	c.refuseAt(string(c.decoder.StackPointer()), code, detail)
}

func (c *checker) refuseAt(pointer string, code inventory.Code, detail string) {
	if len(c.fields) < fieldErrorsMax {
		c.fields = append(c.fields, fieldError{pointer: "#" + pointer, code: code, detail: detail})
	}
}

func (c *checker) token() (jsontext.Token, bool) {
	if c.err != nil {
		return jsontext.Token{}, false
	}
	token, err := c.decoder.ReadToken()
	if err == nil && c.decoder.StackDepth() > jsonDepthMax {
		c.tooDeep, err = true, errors.New("too deep")
	}
	c.err = err
	return token, err == nil
}

// end checks that nothing follows the value.
func (c *checker) end() {
	switch _, err := c.decoder.ReadToken(); {
	case err == nil:
		c.err = errors.New("a second value follows")
	case !errors.Is(err, io.EOF):
		c.err = err
	}
}

// value checks one value of any kind.
func (c *checker) value(expected *schema) {
	token, ok := c.token()
	if !ok {
		return
	}
	switch kind := token.Kind(); {
	case kind == 'n':
		if !expected.nullable {
			c.refuse(fieldInvalid, "It must not be null.")
		}
	case kind == '{' && expected.kind == "object":
		c.object(expected)
	case kind == '[' && expected.kind == "array":
		c.array(expected)
	case kind == '"' && expected.kind == "string":
		c.text(expected, token.String())
	case kind == '0' && expected.kind == "integer":
		c.integer(expected, token.String())
	case (kind == 't' || kind == 'f') && expected.kind == "boolean":
	default:
		c.refuse(fieldInvalid, "It must be "+kindNames[expected.kind]+".")
		c.rest(kind)
	}
}

var kindNames = map[string]string{
	"object": "an object", "array": "an array", "string": "text", "integer": "a whole number", "boolean": "true or false",
}

// rest reads on to the end of an object or array that was refused.
func (c *checker) rest(kind jsontext.Kind) {
	if kind != '{' && kind != '[' {
		return
	}
	for depth := c.decoder.StackDepth(); c.decoder.StackDepth() >= depth; {
		if _, ok := c.token(); !ok {
			return
		}
	}
}

func (c *checker) object(expected *schema) {
	var seen uint64
	for {
		token, ok := c.token()
		if !ok {
			return
		}
		if token.Kind() == '}' {
			break
		}
		member := expected.property(token.String())
		if member == nil {
			c.refuse(fieldUnknown, "There is no such member.")
			c.skip()
			continue
		}
		for i := range expected.properties {
			if member == &expected.properties[i] {
				seen |= 1 << i
			}
		}
		c.value(member.schema)
	}
	for i, member := range expected.properties {
		if member.required && seen&(1<<i) == 0 {
			c.refuseAt(string(c.decoder.StackPointer().AppendToken(member.name)), fieldRequired, "It is required.")
		}
	}
}

// skip reads one value that nobody asked for.
func (c *checker) skip() {
	if token, ok := c.token(); ok {
		c.rest(token.Kind())
	}
}

func (c *checker) array(expected *schema) {
	count := int64(0)
	for c.err == nil && c.decoder.PeekKind() != ']' {
		c.value(expected.items)
		count++
	}
	if _, ok := c.token(); !ok {
		return
	}
	if expected.minItems != nil && count < *expected.minItems || expected.maxItems != nil && count > *expected.maxItems {
		c.refuse(fieldInvalid, fmt.Sprintf("It must have between %d and %d items.", *expected.minItems, *expected.maxItems))
	}
}

func (c *checker) integer(expected *schema, text string) {
	if reason := expected.refusesInteger(text); reason != "" {
		c.refuse(fieldInvalid, reason)
	}
}

// refusesInteger says why a number as it is written is refused, or nothing.
func (s *schema) refusesInteger(text string) string {
	value, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || text == "-0":
		return "It must be a whole number without fraction or exponent, of at most 64 bits."
	case s.minimum != nil && s.maximum != nil && (value < *s.minimum || value > *s.maximum):
		return fmt.Sprintf("It must be between %d and %d.", *s.minimum, *s.maximum)
	case s.minimum != nil && value < *s.minimum:
		return fmt.Sprintf("It must be at least %d.", *s.minimum)
	}
	return ""
}

func (c *checker) text(expected *schema, text string) {
	if reason := expected.refusesText(text); reason != "" {
		c.refuse(fieldInvalid, reason)
	}
}

// refusesText says why a text is refused, or nothing.
func (s *schema) refusesText(text string) string {
	characters := int64(utf8.RuneCountInString(text))
	switch {
	case s.minLength != nil && characters < *s.minLength, s.maxLength != nil && characters > *s.maxLength:
		return lengthSentence(s)
	case s.pattern != nil && !s.pattern.MatchString(text):
		return "It must match " + s.pattern.String() + " ."
	case len(s.enum) > 0 && !slices.Contains(s.enum, text):
		return "It must be one of " + strings.Join(s.enum, ", ") + "."
	case !utf8.ValidString(text), strings.ContainsFunc(text, isControl):
		return "It must be UTF-8 without control characters."
	case s.format == "uuid" && !isUUID(text):
		return "It must be a UUID."
	case s.format == "date-time" && !isTime(text):
		return "It must be an RFC 3339 time between the years 1970 and 2200."
	}
	return ""
}

func lengthSentence(expected *schema) string {
	least := int64(0)
	if expected.minLength != nil {
		least = *expected.minLength
	}
	return fmt.Sprintf("It must have between %d and %d characters.", least, *expected.maxLength)
}

// isControl reports control characters but for tab and line feed, which belong to
// text of several lines.
func isControl(c rune) bool { return c < 0x20 && c != '\t' && c != '\n' || c >= 0x7f && c < 0xa0 }

func isUUID(text string) bool {
	_, err := inventory.ParseID(text)
	return err == nil
}

func isTime(text string) bool {
	at, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && at.Year() >= 1970 && at.Year() < 2200 && at.Unix() > 0
}
