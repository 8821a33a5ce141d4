package api

import "reflect"

// socketCommandID is what every command and every answer may have.
type socketCommandID struct {
	ID int64 `json:"id,omitzero" doc:"A number of the client's, which the answer repeats." schema:"minimum=0;maximum=9007199254740991"`
}

// What clients send.
type (
	socketSubscribe struct {
		socketCommandID
		Op       string             `json:"op" schema:"enum=sub"`
		Channels []string           `json:"ch" doc:"Channels: p: and a product, c: and a category, * for all, sys, o: and a customer or an order." schema:"minItems=1;maxItems=200"`
		Hertz    *float64           `json:"hz,omitzero" doc:"How often to hear of them at most: rounded down to 20, 10, 8, 5, 4, 2, 1, 0.5 or 0.2; 10 without it; 0 is silent."`
		Slow     *bool              `json:"m,omitzero" doc:"Whether to hear of what changes slowly, too."`
		Since    map[string][]int64 `json:"since,omitzero" doc:"What the client has of products: epoch and stock version, by channel."`
	}
	socketUnsubscribe struct {
		socketCommandID
		Op       string   `json:"op" schema:"enum=unsub"`
		Channels []string `json:"ch" schema:"minItems=1;maxItems=200"`
	}
	socketRate struct {
		socketCommandID
		Op       string   `json:"op" schema:"enum=rate"`
		Hertz    float64  `json:"hz"`
		Channels []string `json:"ch,omitzero" doc:"All channels when it is left out." schema:"minItems=1;maxItems=200"`
	}
	socketSnapshot struct {
		socketCommandID
		Op       string   `json:"op" schema:"enum=snap"`
		Channels []string `json:"ch" schema:"minItems=1;maxItems=200"`
	}
	socketAuthenticate struct {
		socketCommandID
		Op    string `json:"op" schema:"enum=auth"`
		Token string `json:"token" doc:"An access token."`
	}
	socketPing struct {
		socketCommandID
		Op   string `json:"op" schema:"enum=ping"`
		Sent int64  `json:"t,omitzero" doc:"The client's time, which the answer has as sent."`
	}
	socketHistory struct {
		socketCommandID
		Op      string `json:"op" schema:"enum=hist"`
		Channel string `json:"ch" doc:"Channel of a product that is subscribed."`
		Count   int64  `json:"n,omitzero" schema:"minimum=1;maximum=300"`
	}
	socketList struct {
		socketCommandID
		Op string `json:"op" schema:"enum=list"`
	}
)

// Answers.
type (
	socketDone struct {
		Kind string `json:"t" schema:"enum=ok"`
		socketCommandID
	}
	socketHertz struct {
		Kind string `json:"t" schema:"enum=ok"`
		socketCommandID
		Hertz float64 `json:"hz" doc:"How often the channels are told of at most."`
	}
	socketKnown struct {
		Kind string `json:"t" schema:"enum=ok"`
		socketCommandID
		User  string `json:"user" schema:"format=uuid"`
		Until int64  `json:"until" doc:"When the access token ends, in milliseconds since 1970."`
	}
	socketPong struct {
		Kind string `json:"t" schema:"enum=ok"`
		socketCommandID
		Sent int64 `json:"sent,omitzero"`
		Now  int64 `json:"now" doc:"The server's time in milliseconds since 1970."`
	}
	socketSamples struct {
		Kind string `json:"t" schema:"enum=ok"`
		socketCommandID
		Channel string    `json:"ch"`
		Every   int64     `json:"every" doc:"Milliseconds between two samples."`
		At      int64     `json:"at" doc:"When the last sample was taken."`
		Samples [][]int64 `json:"i" doc:"Available and sold units, the oldest first."`
	}
	socketChannels struct {
		Kind string `json:"t" schema:"enum=ok"`
		socketCommandID
		Channels [][]any `json:"ch" doc:"Channel and rate of each subscription."`
	}
	socketRefusal struct {
		Kind string `json:"t" schema:"enum=err"`
		socketCommandID
		Code      int64  `json:"code" doc:"101 unauthorized, 102 unknown channel, 103 forbidden, 104 unknown operation, 105 already subscribed, 106 limit, 107 not valid, 109 token expired, 111 too fast, 120 not now."`
		Message   string `json:"msg"`
		Channel   string `json:"ch,omitzero"`
		Temporary bool   `json:"temp,omitzero" doc:"A repeat may succeed."`
		After     int64  `json:"after_ms,omitzero" doc:"When to repeat."`
	}
)

// What a connection begins, lives and ends with.
type (
	socketLimits struct {
		Subscriptions int64 `json:"subs"`
		Commands      int64 `json:"cmd_s"`
		Bytes         int64 `json:"frame_b"`
	}
	socketHello struct {
		Kind    string       `json:"t" schema:"enum=hello"`
		Version int64        `json:"v"`
		Node    string       `json:"node"`
		Session string       `json:"sess"`
		Now     int64        `json:"now"`
		Ping    int64        `json:"ping" doc:"Seconds between two pings of the server."`
		Limits  socketLimits `json:"lim"`
		Hertz   float64      `json:"hz_max"`
		Retry   []int64      `json:"retry" doc:"After a loss come back after a random time between the two, in milliseconds." schema:"minItems=2;maxItems=2"`
		Until   int64        `json:"until,omitzero" doc:"When the access token ends, for who is known."`
	}
	socketBeat struct {
		Kind string `json:"t" schema:"enum=hb"`
		Now  int64  `json:"now"`
	}
	socketStatus struct {
		Kind    string `json:"t" schema:"enum=st"`
		Channel string `json:"ch,omitzero"`
		State   string `json:"st" schema:"enum=live|stale|resync|gone|expiring"`
		Reason  string `json:"why,omitzero"`
		Until   int64  `json:"until,omitzero"`
	}
	socketBye struct {
		Kind   string   `json:"t" schema:"enum=bye"`
		Code   int64    `json:"code" doc:"The close code that follows."`
		Reason string   `json:"why"`
		Retry  *[]int64 `json:"retry" doc:"Null: do not come back unchanged." schema:"minItems=2;maxItems=2"`
	}
)

// What is told of products.
type (
	socketVersion struct {
		Product string `json:"p" schema:"format=uuid"`
		Epoch   int64  `json:"e" doc:"Of two states the one with the greater epoch, then stock version, is the later one."`
		Stock   int64  `json:"s"`
	}
	socketQuantities struct {
		Available int64  `json:"a" schema:"minimum=0"`
		Reserved  int64  `json:"r" schema:"minimum=0"`
		Sold      int64  `json:"d" schema:"minimum=0"`
		Phase     string `json:"ph" schema:"enum=scheduled|live|paused|sold_out|ended"`
		At        int64  `json:"ts" doc:"When the server read this state."`
	}
	socketFacts struct {
		SKU      string `json:"sku"`
		Name     string `json:"name"`
		Category string `json:"category"`
		Price    int64  `json:"price" doc:"Minor units."`
		Currency string `json:"currency"`
		Starts   int64  `json:"start,omitzero"`
		Ends     int64  `json:"end,omitzero"`
	}
	socketProductSnapshot struct {
		Kind string `json:"t" schema:"enum=s"`
		socketVersion
		Number int64 `json:"n" doc:"Stands for the product in MessagePack."`
		socketQuantities
		socketFacts
		Capacity int64 `json:"cap" doc:"All units that are or were for sale."`
	}
	socketProductSame struct {
		Kind string `json:"t" schema:"enum=s"`
		socketVersion
		Number    int64  `json:"n"`
		Available int64  `json:"a"`
		Phase     string `json:"ph" schema:"enum=scheduled|live|paused|sold_out|ended"`
		socketFacts
		Same bool `json:"same" doc:"The client has this version."`
	}
	socketProductUpdate struct {
		Kind string `json:"t" schema:"enum=u"`
		socketVersion
		socketQuantities
	}
	socketSlowFacts struct {
		Product string   `json:"p" schema:"format=uuid"`
		Viewers int64    `json:"v"`
		Pace    float64  `json:"q" doc:"Units sold in a second."`
		Lasts   *[]int64 `json:"eta" doc:"In how many milliseconds it may be sold out, from and to." schema:"minItems=2;maxItems=2"`
	}
	socketProductSlow struct {
		Kind string `json:"t" schema:"enum=m"`
		socketSlowFacts
	}
	socketGroupRow struct {
		Product   string `json:"p" schema:"format=uuid"`
		Epoch     int64  `json:"e,omitzero"`
		Stock     int64  `json:"s,omitzero"`
		Number    int64  `json:"n"`
		Available int64  `json:"a,omitzero"`
		Reserved  int64  `json:"r,omitzero"`
		Sold      int64  `json:"d,omitzero"`
		Phase     string `json:"ph,omitzero" schema:"enum=scheduled|live|paused|sold_out|ended"`
		At        int64  `json:"ts,omitzero"`
		SKU       string `json:"sku,omitzero"`
		Name      string `json:"name,omitzero"`
		Category  string `json:"category,omitzero"`
		Price     int64  `json:"price,omitzero"`
		Currency  string `json:"currency,omitzero"`
		Starts    int64  `json:"start,omitzero"`
		Ends      int64  `json:"end,omitzero"`
		Capacity  int64  `json:"cap,omitzero"`
		Gone      bool   `json:"gone,omitzero" doc:"The product has left the group."`
		Stale     bool   `json:"stale,omitzero" doc:"The process that sells it is not heard."`
	}
	socketGroup struct {
		Channel  string           `json:"c"`
		Rows     []socketGroupRow `json:"i"`
		More     bool             `json:"more,omitzero" doc:"The next message follows at once."`
		Told     int64            `json:"k" doc:"How far the group was told."`
		Checksum int64            `json:"x,omitzero" doc:"CRC-32 (IEEE) of n:e:s; of all products, by n."`
	}
	socketGroupSnapshot struct {
		Kind string `json:"t" schema:"enum=s"`
		socketGroup
	}
	socketGroupUpdate struct {
		Kind string `json:"t" schema:"enum=b"`
		socketGroup
	}
	socketGroupSlow struct {
		Kind    string            `json:"t" schema:"enum=m"`
		Channel string            `json:"c"`
		Rows    []socketSlowFacts `json:"i"`
	}
)

// What is told of orders and of the process.
type (
	socketOrder struct {
		Kind      string `json:"t" schema:"enum=o"`
		Channel   string `json:"ch"`
		Order     string `json:"o" schema:"format=uuid"`
		Version   int64  `json:"s" doc:"Grows with each state."`
		Status    string `json:"status"`
		Total     int64  `json:"total" doc:"Minor units."`
		Currency  string `json:"currency"`
		ExpiresAt int64  `json:"expires_at,omitzero"`
		At        int64  `json:"ts"`
	}
	socketSystem struct {
		Kind        string             `json:"t" schema:"enum=sys"`
		Now         int64              `json:"now"`
		Orders      float64            `json:"orders_s"`
		Refused     map[string]float64 `json:"refused_s" doc:"By the code of the refusal."`
		Median      float64            `json:"p50_ms"`
		P99         float64            `json:"p99_ms"`
		Changes     float64            `json:"changes_s"`
		Viewers     int64              `json:"viewers"`
		Connections int64              `json:"connections"`
		Blocked     int64              `json:"blocked"`
		Lag         float64            `json:"lag_p99_ms"`
		Frames      float64            `json:"frames_s"`
		Versions    float64            `json:"versions_s" doc:"Versions that were left out, since a later one was there."`
		Oversold    int64              `json:"oversold" doc:"0, always."`
		Backlog     int64              `json:"backlog" doc:"Records that are not in the database yet."`
		Resident    int64              `json:"rss_bytes"`
		Processors  float64            `json:"cpu"`
	}
)

// socketMessage is a kind of message, with the line of documentation/protocol.md that shows
// it.
type socketMessage struct {
	name, summary string
	of            reflect.Type
	example       string
	// answers is the message that a command is answered with when it is done.
	answer string
}

const (
	exampleProduct = "01234567-89ab-7def-8123-456789abcdef"
	exampleChannel = "p:" + exampleProduct
)

// socketCommands are what clients send.
var socketCommands = []socketMessage{
	{"subscribe", "Watch channels.", reflect.TypeFor[socketSubscribe](),
		`{"id":1,"op":"sub","ch":["` + exampleChannel + `","c:shoes"],"hz":5,"m":true,"since":{"` + exampleChannel + `":[42,1234567]}}`, "hertz"},
	{"unsubscribe", "Watch channels no more.", reflect.TypeFor[socketUnsubscribe](), `{"id":2,"op":"unsub","ch":["c:shoes"]}`, "done"},
	{"rate", "Be told more or less often.", reflect.TypeFor[socketRate](), `{"id":4,"op":"rate","hz":0,"ch":["` + exampleChannel + `"]}`, "hertz"},
	{"snapshot", "Be told all of channels now.", reflect.TypeFor[socketSnapshot](), `{"id":5,"op":"snap","ch":["` + exampleChannel + `"]}`, "done"},
	{"authenticate", "Say who is connected, or bring the next access token.", reflect.TypeFor[socketAuthenticate](),
		`{"id":6,"op":"auth","token":"eyJ0…"}`, "known"},
	{"ping", "Measure the way there and back, and the server's clock.", reflect.TypeFor[socketPing](), `{"id":7,"op":"ping","t":1764000000000}`, "pong"},
	{"history", "Ask for the last seconds of a product.", reflect.TypeFor[socketHistory](), `{"id":8,"op":"hist","ch":"` + exampleChannel + `","n":120}`, "samples"},
	{"list", "Ask for the subscriptions.", reflect.TypeFor[socketList](), `{"id":9,"op":"list"}`, "channels"},
}

// socketAnswers are what commands are answered with.
var socketAnswers = []socketMessage{
	{"hertz", "The channels are watched at this rate.", reflect.TypeFor[socketHertz](), `{"t":"ok","id":1,"hz":5}`, ""},
	{"done", "The command was done.", reflect.TypeFor[socketDone](), `{"t":"ok","id":2}`, ""},
	{"known", "The connection is this user's.", reflect.TypeFor[socketKnown](), `{"t":"ok","id":6,"user":"` + exampleProduct + `","until":1764000900000}`, ""},
	{"pong", "The server's time.", reflect.TypeFor[socketPong](), `{"t":"ok","id":7,"sent":1764000000000,"now":1764000000000}`, ""},
	{"samples", "A product's last seconds.", reflect.TypeFor[socketSamples](),
		`{"t":"ok","id":8,"ch":"` + exampleChannel + `","every":1000,"at":1764000000000,"i":[[48213,151477],[48211,151479]]}`, ""},
	{"channels", "The subscriptions.", reflect.TypeFor[socketChannels](), `{"t":"ok","id":9,"ch":[["` + exampleChannel + `",5],["*",0.5]]}`, ""},
	{"refusal", "The command was not done.", reflect.TypeFor[socketRefusal](),
		`{"t":"err","id":1,"code":111,"msg":"Too many commands.","temp":true,"after_ms":100}`, ""},
}

// socketFrames are what the server tells by itself.
var socketFrames = []socketMessage{
	{"hello", "The first frame.", reflect.TypeFor[socketHello](),
		`{"t":"hello","v":1,"node":"shop-1","sess":"K3…","now":1764000000000,"ping":25,"lim":{"subs":200,"cmd_s":10,"frame_b":4096},"hz_max":20,"retry":[1000,30000]}`, ""},
	{"beat", "Nothing has changed for a while.", reflect.TypeFor[socketBeat](), `{"t":"hb","now":1764000000000}`, ""},
	{"status", "The state of a channel, or of the access token.", reflect.TypeFor[socketStatus](),
		`{"t":"st","ch":"` + exampleChannel + `","st":"stale","why":"The process that sells it is not heard."}`, ""},
	{"bye", "The last frame: when to come back.", reflect.TypeFor[socketBye](), `{"t":"bye","code":4200,"why":"The server restarts.","retry":[0,5000]}`, ""},
	{"productSnapshot", "All there is to tell of a product: replace what you know.", reflect.TypeFor[socketProductSnapshot](),
		`{"t":"s","p":"` + exampleProduct + `","e":42,"s":1234567,"n":7,"a":48211,"r":310,"d":151479,"ph":"live","ts":1764000000000,"sku":"SHOE-42","name":"Trail shoe","category":"shoes","price":9900,"currency":"EUR","start":1764000000000,"end":1764003600000,"cap":200000}`, ""},
	{"productSame", "The snapshot of who has this version.", reflect.TypeFor[socketProductSame](),
		`{"t":"s","p":"` + exampleProduct + `","e":42,"s":1234567,"n":7,"a":48211,"ph":"live","sku":"SHOE-42","name":"Trail shoe","category":"shoes","price":9900,"currency":"EUR","start":1764000000000,"end":1764003600000,"same":true}`, ""},
	{"productUpdate", "The present state of a product. In MessagePack it is a list: [2,n,e,s,a,r,d,ph,ts].", reflect.TypeFor[socketProductUpdate](),
		`{"t":"u","p":"` + exampleProduct + `","e":42,"s":1234567,"a":48211,"r":310,"d":151479,"ph":"live","ts":1764000000000}`, ""},
	{"productSlow", "What changes slowly.", reflect.TypeFor[socketProductSlow](), `{"t":"m","p":"` + exampleProduct + `","v":1834,"q":12.5,"eta":[180000,240000]}`, ""},
	{"groupSnapshot", "Products of a group: begin anew.", reflect.TypeFor[socketGroupSnapshot](),
		`{"t":"s","c":"c:shoes","i":[{"p":"` + exampleProduct + `","e":42,"s":1234567,"n":7,"a":48211,"r":310,"d":151479,"ph":"live","ts":1764000000000,"sku":"SHOE-42","name":"Trail shoe","category":"shoes","price":9900,"currency":"EUR","start":1764000000000,"end":1764003600000,"cap":200000}],"k":1}`, ""},
	{"groupUpdate", "Products of a group that have changed. In MessagePack a row that is known is a list: [n,e,s,a,r,d,ph,ts].", reflect.TypeFor[socketGroupUpdate](),
		`{"t":"b","c":"c:shoes","i":[{"p":"` + exampleProduct + `","e":42,"s":1234568,"n":7,"a":48210,"r":311,"d":151479,"ph":"live","ts":1764000000000}],"k":2,"x":630791156}`, ""},
	{"groupSlow", "What changes slowly of the fastest selling products of a group.", reflect.TypeFor[socketGroupSlow](),
		`{"t":"m","c":"c:shoes","i":[{"p":"` + exampleProduct + `","v":1834,"q":12.5,"eta":[180000,240000]}]}`, ""},
	{"order", "The present state of an order.", reflect.TypeFor[socketOrder](),
		`{"t":"o","ch":"o:` + exampleProduct + `","o":"01234567-89ab-7def-8123-456789abcde0","s":99,"status":"reserved","total":9900,"currency":"EUR","expires_at":1764000600000,"ts":1764000000000}`, ""},
	{"system", "Figures of the process.", reflect.TypeFor[socketSystem](),
		`{"t":"sys","now":1764000000000,"orders_s":812.5,"refused_s":{"all_held":3,"sold_out":120},"p50_ms":2.1,"p99_ms":9.8,"changes_s":1630,"viewers":900,"connections":850,"blocked":2,"lag_p99_ms":12,"frames_s":8100,"versions_s":24000,"oversold":0,"backlog":310,"rss_bytes":96468992,"cpu":0.61}`, ""},
}
