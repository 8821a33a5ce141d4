package api

import "strings"

// querySchemas returns what the parameters in the query have to be.
func querySchemas(parameters []parameter) map[string]*schema {
	schemas := map[string]*schema{}
	for i := range parameters {
		if p := &parameters[i]; p.in == "query" {
			schemas[p.name] = p.schema()
		}
	}
	return schemas
}

// schema returns the schema of a parameter's value.
func (p *parameter) schema() *schema {
	s := &schema{kind: p.kind, enum: p.enum}
	for _, bound := range p.bounds {
		s.bound(bound)
	}
	return s
}

// acceptQuery checks the query against the route's parameters. One that the route does not
// have, or that is there twice, is refused: a misspelt filter must not select all.
func (x *exchange) acceptQuery() bool {
	if x.route.query == nil || len(x.ctx.URI().QueryString()) == 0 {
		return true
	}
	var fields []fieldError
	refuse := func(name, reason string, unknown bool) {
		code := fieldInvalid
		if unknown {
			code = fieldUnknown
		}
		if len(fields) < fieldErrorsMax {
			fields = append(fields, fieldError{pointer: shownName(name), code: code, detail: reason})
		}
	}
	seen := map[string]bool{}
	for key, value := range x.ctx.QueryArgs().All() {
		name := string(key)
		expected := x.route.query[name]
		switch {
		case expected == nil:
			refuse(name, "There is no such parameter.", true)
		case seen[name]:
			refuse(name, "It was given twice.", false)
		case expected.kind == "integer":
			if reason := expected.refusesInteger(string(value)); reason != "" {
				refuse(name, reason, false)
			}
		default:
			if reason := expected.refusesText(string(value)); reason != "" {
				refuse(name, reason, false)
			}
		}
		seen[name] = true
	}
	if len(fields) > 0 {
		x.failFields(fields...)
		return false
	}
	return true
}

// parameterNameMax is how much is shown of the name of a parameter that is not known.
const parameterNameMax = 64

func shownName(name string) string {
	if len(name) > parameterNameMax {
		name = name[:parameterNameMax]
	}
	return strings.ToValidUTF8(name, "\ufffd")
}
