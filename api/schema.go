package api

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// schema is the part of JSON Schema that the bodies of this API need. It is made
// from a struct, shown in /openapi.json, and checked against requests.
type schema struct {
	// component is the name under which it is shown; empty is shown in place.
	component   string
	kind        string
	nullable    bool
	description string
	format      string
	enum        []string
	pattern     *regexp.Regexp

	minimum, maximum     *int64
	minLength, maxLength *int64
	minItems, maxItems   *int64

	items      *schema
	properties []property
	// anyNamed is what the members of an object with any names are.
	anyNamed *schema
}

// property is one member of an object.
type property struct {
	name     string
	required bool
	schema   *schema
}

// property finds a member by its exact name.
func (s *schema) property(name string) *property {
	for i := range s.properties {
		if s.properties[i].name == name {
			return &s.properties[i]
		}
	}
	return nil
}

// values are those of the enum, with null where it is allowed: JSON Schema has no
// exception for it.
func (s *schema) values() []any {
	values := make([]any, 0, len(s.enum)+1)
	for _, value := range s.enum {
		values = append(values, value)
	}
	if s.nullable {
		values = append(values, nil)
	}
	return values
}

// schemaOf makes the schema of a type. It panics on a type or tag that it does
// not know: all of them are in this package, and all are made at start.
func schemaOf(of reflect.Type) *schema {
	switch of.Kind() {
	case reflect.Pointer:
		inner := *schemaOf(of.Elem())
		inner.nullable = true
		return &inner
	case reflect.String:
		return &schema{kind: "string"}
	case reflect.Int64:
		return &schema{kind: "integer"}
	case reflect.Bool:
		return &schema{kind: "boolean"}
	case reflect.Float64:
		return &schema{kind: "number"}
	case reflect.Interface:
		return &schema{} // anything
	case reflect.Map:
		return &schema{kind: "object", anyNamed: schemaOf(of.Elem())}
	case reflect.Slice:
		return &schema{kind: "array", items: schemaOf(of.Elem())}
	case reflect.Struct:
		return schemaOfStruct(of)
	}
	panic("BUG: no schema for " + of.String())
}

func schemaOfStruct(of reflect.Type) *schema {
	s := &schema{kind: "object", component: componentName(of.Name())}
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			s.properties = append(s.properties, schemaOfStruct(field.Type).properties...)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		member := schemaOf(field.Type)
		member.description = field.Tag.Get("doc")
		for bound := range strings.SplitSeq(field.Tag.Get("schema"), ";") {
			if bound != "" {
				member.bound(bound)
			}
		}
		s.properties = append(s.properties, property{name: name, required: options != "omitzero", schema: member})
	}
	return s
}

// componentName turns orderItemReply into OrderItemReply.
func componentName(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// bound applies one name=value of a schema tag.
func (s *schema) bound(text string) {
	name, value, _ := strings.Cut(text, "=")
	switch name {
	case "format":
		s.format = value
		return
	case "enum":
		s.enum = strings.Split(value, "|")
		return
	case "pattern":
		s.pattern = regexp.MustCompile(value)
		return
	}
	number, err := strconv.ParseInt(value, 10, 64)
	target := map[string]**int64{
		"minimum": &s.minimum, "maximum": &s.maximum,
		"minLength": &s.minLength, "maxLength": &s.maxLength,
		"minItems": &s.minItems, "maxItems": &s.maxItems,
	}[name]
	if err != nil || target == nil {
		panic(fmt.Sprintf("BUG: bound %q of a schema is not known", text))
	}
	*target = &number
}
