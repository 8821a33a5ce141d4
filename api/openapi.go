package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"holdfast/inventory"
)

// object is a JSON object of the document.
type object = map[string]any

// documentReply stands for the document itself, which its own schema leaves open.
type documentReply struct{}

// documentWriter makes the OpenAPI document from the bound routes.
type documentWriter struct {
	schemas object
	// closed is set while the body of a request is written: nothing may be in it that
	// is not described. Replies stay open, since later versions will say more.
	closed bool
	err    error
}

// buildDocument returns /openapi.json. It is made once, at start.
func (s *Server) buildDocument() ([]byte, error) {
	w := &documentWriter{schemas: object{}}
	paths := object{}
	for _, route := range s.routes {
		path, _ := paths[route.path].(object)
		if path == nil {
			path = object{}
			paths[route.path] = path
		}
		path[strings.ToLower(route.method)] = w.operation(route)
	}
	document := object{
		"openapi": "3.1.0",
		"info": object{"title": "Holdfast", "version": s.options.Version,
			"description": "Real-time inventory for flash sales. Amounts are integers in minor units, times are RFC 3339 in UTC, ids are UUIDs. " +
				"x-cost is what a call takes in units of a cheap read. A connection for which there is no place is answered " +
				"overloaded (503) or rate_limited (429) and closed, whatever it asks for. Whoever has used half of what it may ask for is told " +
				"in RateLimit and RateLimit-Policy, with every answer, what is left."},
		"paths": paths,
		"components": object{
			"schemas": w.schemas,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer",
				"description": "An access token of POST /api/login, or an API key (hfk_…)."},
				"cookie": object{"type": "apiKey", "in": "cookie", "name": accessCookie.secure,
					"description": "The access token of a session whose tokens are in cookies. What changes something must come from a page of the server itself."}},
		},
	}
	if w.err != nil {
		return nil, w.err
	}
	return json.Marshal(document, json.Deterministic(true), jsontext.EscapeForHTML(false))
}

func (w *documentWriter) operation(b *boundRoute) object {
	operation := object{
		"operationId": operationID(b.method, b.path),
		"summary":     b.summary,
		"tags":        []string{tagOf(b.path)},
		"x-cost":      b.cost,
		"responses":   w.responses(b),
	}
	if b.detail != "" {
		operation["description"] = b.detail
	}
	if len(b.parameters) > 0 {
		operation["parameters"] = w.parameters(b.parameters)
	}
	if b.bodySchema != nil {
		w.closed = true
		operation["requestBody"] = object{"required": !b.bodyOptional,
			"content": object{"application/json": object{"schema": w.reference(b.bodySchema)}}}
		w.closed = false
	}
	if b.who != anyone {
		operation["security"] = []any{object{"bearer": []string{}}, object{"cookie": []string{}}}
		operation["x-roles"] = b.who.names()
	}
	return operation
}

// names are the roles that are meant, as the API calls them.
func (a access) names() []string {
	var names []string
	for _, role := range []struct {
		bit  access
		name string
	}{{customers, "customer"}, {services, "service"}, {admins, "admin"}} {
		if a&role.bit != 0 {
			names = append(names, role.name)
		}
	}
	return names
}

// operationID is the method and the words of the path: post_orders_id_confirm.
func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/api"), func(c rune) bool { return strings.ContainsRune("/{}-.", c) })
	return strings.ToLower(method) + "_" + strings.Join(words, "_")
}

// tagOf groups operations by the first word of their path.
func tagOf(path string) string {
	words := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case words[0] != "api":
		return "service"
	case words[1] == "products", words[1] == "orders", words[1] == "ws":
		return words[1]
	}
	return "account"
}

func (w *documentWriter) parameters(parameters []parameter) []any {
	var shown []any
	for _, p := range parameters {
		s := p.schema()
		shown = append(shown, object{"name": p.name, "in": p.in, "required": p.required,
			"description": p.description, "schema": w.reference(s)})
	}
	return shown
}

// responses shows the replies, and the refusals grouped by their status.
func (w *documentWriter) responses(b *boundRoute) object {
	problemSchema := w.reference(schemaOf(reflect.TypeFor[problemReply]()))
	byStatus := map[int][]inventory.Code{}
	for _, code := range b.allCodes() {
		status := rowOfCode(code).status
		byStatus[status] = append(byStatus[status], code)
	}
	responses := object{}
	for status, codes := range byStatus {
		response := object{"description": describeCodes(codes),
			"content": object{"application/problem+json": object{"schema": problemSchema}}}
		var headers [][2]string
		if slices.ContainsFunc(codes, func(code inventory.Code) bool { return rowOfCode(code).retryAfter != "" }) {
			headers = append(headers, [2]string{"Retry-After", "Seconds to wait before a repeat."})
		}
		if slices.Contains(codes, codeRateLimited) {
			headers = append(headers, rateHeaders...)
		}
		if len(headers) > 0 {
			response["headers"] = headersOf(headers)
		}
		responses[strconv.Itoa(status)] = response
	}
	for _, r := range b.replies {
		if _, taken := responses[strconv.Itoa(r.status)]; taken {
			w.err = fmt.Errorf("api: %s %s answers %d both with a reply and with a problem", b.method, b.path, r.status)
		}
		responses[strconv.Itoa(r.status)] = w.reply(r)
	}
	return responses
}

// rateHeaders are on every answer to a caller who has used half of what it may ask for.
var rateHeaders = [][2]string{
	{"RateLimit", "What is left of the quota that the request has drawn on, and the seconds until all of it is there again."},
	{"RateLimit-Policy", "How much that quota is, in which seconds."},
}

func (w *documentWriter) reply(r reply) object {
	response := object{"description": r.description}
	if kinds := textKinds(r.body); len(kinds) > 0 {
		content := object{}
		for _, kind := range kinds {
			content[kind] = object{"schema": object{"type": "string"}}
		}
		response["content"] = content
	} else if r.body != nil {
		response["content"] = object{"application/json": object{"schema": w.reference(schemaOf(reflect.TypeOf(r.body)))}}
	}
	if len(r.headers) > 0 {
		response["headers"] = headersOf(r.headers)
	}
	return response
}

// textKinds are the media types of a body that is no JSON.
func textKinds(body any) []string {
	switch body.(type) {
	case csvText:
		return []string{"text/csv"}
	case pageText:
		return []string{"text/html"}
	case assetText:
		return []string{"text/javascript", "text/css", "image/svg+xml"}
	}
	return nil
}

func headersOf(headers [][2]string) object {
	shown := object{}
	for _, header := range headers {
		shown[header[0]] = object{"description": header[1], "schema": object{"type": "string"}}
	}
	return shown
}

func describeCodes(codes []inventory.Code) string {
	words := make([]string, len(codes))
	for i, code := range codes {
		words[i] = string(code)
	}
	return http.StatusText(rowOfCode(codes[0]).status) + ". Codes: " + strings.Join(words, ", ") + "."
}

// reference shows a schema: a struct by its name, anything else in place. What
// replies share with a request is shown in place in the request, where it is closed.
func (w *documentWriter) reference(s *schema) object {
	if s.component == "" || w.closed && !strings.HasSuffix(s.component, "Body") {
		return w.inPlace(s)
	}
	if w.schemas[s.component] == nil {
		w.schemas[s.component] = object{} // ends recursion, should there be any
		plain := *s
		plain.nullable, plain.description = false, ""
		w.schemas[s.component] = w.inPlace(&plain)
	}
	reference := object{"$ref": "#/components/schemas/" + s.component}
	if s.nullable {
		reference = object{"oneOf": []any{reference, object{"type": "null"}}}
	}
	if s.description != "" {
		reference["description"] = s.description
	}
	return reference
}

func (w *documentWriter) inPlace(s *schema) object {
	shown := object{}
	if s.kind != "" {
		shown["type"] = s.kind
	}
	if s.nullable {
		shown["type"] = []string{s.kind, "null"}
	}
	for name, value := range map[string]string{"description": s.description, "format": s.format} {
		if value != "" {
			shown[name] = value
		}
	}
	if len(s.enum) > 0 {
		shown["enum"] = s.values()
	}
	if s.pattern != nil {
		shown["pattern"] = s.pattern.String()
	}
	for name, bound := range map[string]*int64{"minimum": s.minimum, "maximum": s.maximum, "minLength": s.minLength,
		"maxLength": s.maxLength, "minItems": s.minItems, "maxItems": s.maxItems} {
		if bound != nil {
			shown[name] = *bound
		}
	}
	if s.items != nil {
		shown["items"] = w.reference(s.items)
	}
	if s.kind == "object" {
		w.members(s, shown)
	}
	return shown
}

// members shows the properties of an object, but for those of the document, which
// describes itself.
func (w *documentWriter) members(s *schema, shown object) {
	if s.component == "DocumentReply" {
		return
	}
	if s.anyNamed != nil {
		shown["additionalProperties"] = w.reference(s.anyNamed)
		return
	}
	properties, required := object{}, []string{}
	for _, member := range s.properties {
		properties[member.name] = w.reference(member.schema)
		if member.required {
			required = append(required, member.name)
		}
	}
	shown["properties"] = properties
	if w.closed {
		shown["additionalProperties"] = false
	}
	if len(required) > 0 {
		shown["required"] = required
	}
}
