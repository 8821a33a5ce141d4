package crowd

import (
	"bytes"
	"fmt"
)

var (
	pushHead      = []byte(`{"push":{`)
	publication   = []byte(`"pub":{`)
	publications  = []byte(`"publications":[{`)
	subscribeHead = []byte(`{"id":2,"subscribe":`)
	connectHead   = []byte(`{"id":1,"connect":`)
	centrifugeErr = []byte(`,"error":{`)
	pingMessage   = []byte(`{}`)
)

// Centrifuge is the JSON protocol of github.com/centrifugal/centrifuge: it subscribes to the
// channel of a product and asks for the newest publication first. What is published has the
// members of stockticker.v1.json.
func Centrifuge(product string) Dialect {
	return Dialect{Path: "/connection/websocket", Subprotocol: "centrifuge-json", Separator: '\n', Reply: "{}", Hear: hearCentrifuge,
		Opening: []string{`{"id":1,"connect":{}}` + "\n" + fmt.Sprintf(`{"id":2,"subscribe":{"channel":"p:%s","recover":true}}`, product)}}
}

func hearCentrifuge(message []byte) Heard {
	switch {
	case bytes.HasPrefix(message, pushHead) && bytes.Contains(message, publication),
		bytes.HasPrefix(message, subscribeHead) && bytes.Contains(message, publications):
		state, found := findState(message)
		if !found {
			return Heard{Kind: Unreadable}
		}
		return Heard{Shown, state}
	case bytes.Equal(message, pingMessage):
		return Heard{Kind: Asked}
	case bytes.HasPrefix(message, connectHead), bytes.HasPrefix(message, subscribeHead), bytes.HasPrefix(message, pushHead):
		return Heard{Kind: Other}
	case bytes.Contains(message, centrifugeErr):
		return Heard{Kind: Refused}
	}
	return Heard{Kind: Unreadable}
}
