package api

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"holdfast/api/ticker"
)

// buildSocketDocument returns /api/asyncapi.json, which describes the WebSocket of /api/ws as
// AsyncAPI 3.0. It is made once, at start, of the types and examples of the messages.
func (s *Server) buildSocketDocument() ([]byte, error) {
	w := &documentWriter{schemas: object{}}
	messages, names := object{}, object{}
	add := func(all []socketMessage) {
		for i := range all {
			messages[all[i].name] = w.message(&all[i])
			names[all[i].name] = object{"$ref": "#/components/messages/" + all[i].name}
		}
	}
	w.closed = true
	add(socketCommands)
	w.closed = false
	add(socketAnswers)
	add(socketFrames)
	document := object{
		"asyncapi": "3.0.0",
		"info": object{"title": "Holdfast ticker", "version": s.options.Version,
			"description": "Live stock over a WebSocket. The subprotocol " + ticker.Subprotocols[0] + " has the messages below in text frames, " +
				ticker.Subprotocols[1] + " the same maps as MessagePack in binary ones, but for two lists that its messages name. " +
				"Every command is answered exactly once, before the frames that it causes. Ignore messages and members that you do not know."},
		"defaultContentType": "application/json",
		"channels":           object{"ticker": socketChannel(names)},
		"operations":         socketOperations(),
		"components":         object{"messages": messages, "schemas": w.schemas},
	}
	return json.Marshal(document, json.Deterministic(true), jsontext.EscapeForHTML(false))
}

func (w *documentWriter) message(m *socketMessage) object {
	s := schemaOf(m.of)
	shown := object{"name": m.name, "title": m.name, "summary": m.summary, "payload": w.reference(s),
		"examples": []any{object{"payload": jsontext.Value(m.example)}}}
	if s.property("id") != nil {
		shown["correlationId"] = object{"location": "$message.payload#/id"}
	}
	return shown
}

func socketChannel(messages object) object {
	query := object{"type": "object", "properties": object{
		"ticket": object{"type": "string", "description": "A ticket of POST /api/ws/ticket, for people in a browser."}}}
	return object{"address": "/api/ws", "title": "The ticker", "messages": messages,
		"bindings": object{"ws": object{"method": "GET", "query": query, "bindingVersion": "0.1.0"}}}
}

// socketOperations are the commands, each with its answers, and what is told.
func socketOperations() object {
	channel := object{"$ref": "#/channels/ticker"}
	of := func(name string) object { return object{"$ref": "#/channels/ticker/messages/" + name} }
	operations := object{}
	for _, command := range socketCommands {
		operations[command.name] = object{"action": "receive", "channel": channel, "summary": command.summary, "messages": []any{of(command.name)},
			"reply": object{"channel": channel, "messages": []any{of(command.answer), of("refusal")}}}
	}
	var told []any
	for _, frame := range socketFrames {
		told = append(told, of(frame.name))
	}
	operations["tell"] = object{"action": "send", "channel": channel, "summary": "What the server tells by itself.", "messages": told}
	return operations
}

// showSocketDocument sends the AsyncAPI document.
func showSocketDocument(x *exchange) { x.answer(200, x.server.socketDocument) }
