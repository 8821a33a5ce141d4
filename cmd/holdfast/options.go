package main

import (
	"log/slog"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"holdfast/actors"
)

// Every option has a flag, the environment variable HOLDFAST_ and the flag's name
// in upper snake case, and the same name in lower snake case in a file.

// globalOptions are those of every command.
type globalOptions struct {
	Version kong.VersionFlag `name:"version" help:"Print the version."`
	Config  kong.ConfigFlag  `placeholder:"FILE" env:"HOLDFAST_CONFIG" help:"A JSON file with options, such as {\"listen\":\"127.0.0.1:8000\"}."`

	DatabaseURL     secret `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Address of a Postgres database, postgres://user:password@host/database, for accounts, catalogue and the written-behind orders. Other users of the machine can see a flag: use the file or the environment. Without one the database is holdfast.db of the data directory."`
	DatabaseURLFile string `name:"database-url-file" env:"DATABASE_URL_FILE" placeholder:"FILE" help:"File with that address."`

	DataDir   string `env:"HOLDFAST_DATA_DIR" default:"${data_dir}" help:"Folder of keys, journal and database. It is made, with mode 0700, when it is missing. With systemd's StateDirectory= that is the default, else ./data."`
	LogFormat string `env:"HOLDFAST_LOG_FORMAT" enum:"auto,text,json" default:"auto" help:"Form of the log on stderr: auto is text on a terminal, else JSON."`
	LogLevel  string `env:"HOLDFAST_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"The least level that is logged: debug, info, warn, error."`
}

// listenOption is where the API is served.
type listenOption struct {
	Listen string `env:"HOLDFAST_LISTEN" default:"127.0.0.1:8080" help:"Address of the API. Port 0 takes a free one."`
}

// serverOptions are those of a server. What zero means is said where the option
// is used: there it is the default of the part that it configures.
type serverOptions struct {
	listenOption      `embed:""`
	signingKeyOptions `embed:""`
	redisOptions      `embed:""`
	tlsOptions        `embed:""`

	Ack                      string        `env:"HOLDFAST_ACK" enum:"journal,database" default:"journal" help:"When orders are answered and shown: journal is after the sync of the local journal, database after the commit in the database, for those who must survive the loss of the machine. While the database is away nothing is answered with success then."`
	AdminListen              string        `env:"HOLDFAST_ADMIN_LISTEN" default:"127.0.0.1:9090" help:"Address of /metrics and /debug/pprof. Whoever can connect may read both."`
	BacklogBytesMax          int64         `env:"HOLDFAST_BACKLOG_BYTES_MAX" default:"2147483648" help:"Bytes of records that may wait for the database before orders are answered 503."`
	BacklogRecordsMax        uint64        `env:"HOLDFAST_BACKLOG_RECORDS_MAX" default:"5000000" help:"Records that may wait for the database before orders are answered 503."`
	ConnectionsMax           int           `env:"HOLDFAST_CONNECTIONS_MAX" default:"65536" help:"Open connections; further ones are answered 503."`
	ConnectionsPerAddressMax int           `env:"HOLDFAST_CONNECTIONS_PER_ADDRESS_MAX" default:"0" help:"Open connections of one address; 0 is no bound, since many shoppers share an address."`
	Demo                     bool          `env:"HOLDFAST_DEMO" help:"Put a demonstration catalogue and a flash sale of an hour on sale when there is no product yet."`
	DemoBuyers               time.Duration `env:"HOLDFAST_DEMO_BUYERS" default:"0s" help:"How long made-up customers buy what --demo has put on sale, such as 10m; 0s is not at all."`
	InFlightMax              int           `env:"HOLDFAST_IN_FLIGHT_MAX" default:"16384" help:"Requests that wait for the engine at a time; further ones are answered 503."`
	JournalPendingBytes      int64         `env:"HOLDFAST_JOURNAL_PENDING_BYTES" default:"16777216" help:"Bytes that may wait for a sync of the journal; then requests are answered 503. At most what fits in a segment."`
	JournalRetainBytes       int64         `env:"HOLDFAST_JOURNAL_RETAIN_BYTES" default:"0" help:"Bytes of the journal that are kept although the database has them."`
	JournalSegmentBytes      int64         `env:"HOLDFAST_JOURNAL_SEGMENT_BYTES" default:"67108864" help:"Size of a file of the journal, a multiple of 4096, at most 1 GiB."`
	MailCommand              string        `env:"HOLDFAST_MAIL_COMMAND" placeholder:"PROGRAM" help:"Program that delivers a mail to a person, such as one with a new password: it gets a JSON object with kind, to, name, token and expires_at on stdin, and must exit with 0 within 30 seconds. Without one nobody can set a new password without the old one."`
	MovementRetention        time.Duration `env:"HOLDFAST_MOVEMENT_RETENTION" default:"0s" help:"How long the movements of a product's stock are kept, but the newest, such as 8760h; at least 168h. 0s is for ever."`
	OrderRetention           time.Duration `env:"HOLDFAST_ORDER_RETENTION" default:"0s" help:"How long an order is kept after its last change, once nothing of it is held or to be shipped, such as 2160h; at least 168h. Until then it can be returned. Orders that count towards a limit per customer stay. 0s is for ever."`
	OwnerConfirm             bool          `env:"HOLDFAST_OWNER_CONFIRM" default:"true" negatable:"" help:"Let customers confirm their own orders, without a payment system."`
	PasswordsParallel        int           `env:"HOLDFAST_PASSWORDS_PARALLEL" default:"0" help:"Passwords that are hashed at a time, each by a process of its own that gives way to the server; 0 is half of the processors, one at least."`
	RateAddressUnits         int           `env:"HOLDFAST_RATE_ADDRESS_UNITS" default:"1000" help:"What one address from outside may ask for in a second without a login, in the units of x-cost of /openapi.json; then it is answered 429. 0 is no bound."`
	RateCustomerOrders       int           `env:"HOLDFAST_RATE_CUSTOMER_ORDERS" default:"50" help:"Orders that one customer may try to place in a second; 0 is no bound."`
	RateCustomerUnits        int           `env:"HOLDFAST_RATE_CUSTOMER_UNITS" default:"500" help:"What else one customer may ask for in a second, in the units of x-cost; 0 is no bound."`
	RequestTimeout           time.Duration `env:"HOLDFAST_REQUEST_TIMEOUT" default:"5s" help:"How long a request waits for the engine; then it is answered 503, and its fate is unknown."`
	Role                     string        `env:"HOLDFAST_ROLE" enum:"all,ticker" default:"all" help:"What the server does: all takes orders and does everything else; ticker shows live stock over WebSockets, as a server with all tells it over Redis, and nothing else. It has no data directory and no database, needs REDIS_URL, and HOLDFAST_SIGNING_KEY_FILE or HOLDFAST_REDIS_SECRET_FILE."`
	ShutdownDelay            time.Duration `env:"HOLDFAST_SHUTDOWN_DELAY" default:"0s" help:"How long /readyz says no before connections are refused, so that balancers look elsewhere."`
	ShutdownTimeout          time.Duration `env:"HOLDFAST_SHUTDOWN_TIMEOUT" default:"25s" help:"How long requests may take to finish after that."`
	StaffSecondFactor        bool          `env:"HOLDFAST_STAFF_SECOND_FACTOR" default:"true" negatable:"" help:"Ask staff for a second factor: without one, an account of staff has the rights of a customer."`
	TrustedProxies           commaList     `env:"HOLDFAST_TRUSTED_PROXIES" placeholder:"NETWORK,..." help:"Addresses or networks of proxies whose X-Forwarded-For says who asks, such as 10.0.0.0/8. Without them whoever connects is who asks."`

	CORSOrigins                commaList `env:"HOLDFAST_CORS_ORIGINS" placeholder:"ORIGIN,..." help:"Origins of pages that may call the API from a browser, besides those of the server itself, such as https://shop.example."`
	WSConnectionsMax           int       `env:"HOLDFAST_WS_CONNECTIONS_MAX" default:"0" help:"Open WebSockets; further ones are answered 503. 0 is three quarters of the open connections."`
	WSConnectionsPerAddressMax int       `env:"HOLDFAST_WS_CONNECTIONS_PER_ADDRESS_MAX" default:"100" help:"Open WebSockets of one address, unless it is private or of this machine, as a proxy's is; 0 is no bound."`
	WSConnectionsPerUserMax    int       `env:"HOLDFAST_WS_CONNECTIONS_PER_USER_MAX" default:"5" help:"Open WebSockets of one user."`
	WSMode                     string    `env:"HOLDFAST_WS_MODE" enum:"goroutine,epoll" default:"goroutine" help:"How WebSockets wait for what their peers send: goroutine has one for each, epoll (Linux) one for all, which takes less memory when there are very many."`
	WSOrigins                  commaList `env:"HOLDFAST_WS_ORIGINS" placeholder:"ORIGIN,..." help:"Origins of pages that may open WebSockets, besides those of the server itself, such as https://shop.example."`
}

// acknowledgement returns when the engine answers: of commands that serve nobody, as
// soon as it can.
func (o *serverOptions) acknowledgement() actors.Acknowledgement {
	if o.Ack == actors.AcknowledgeDatabase.String() {
		return actors.AcknowledgeDatabase
	}
	return actors.AcknowledgeJournal
}

// signingKeyOptions say where the key of access tokens comes from; with neither
// it is the data directory's own.
type signingKeyOptions struct {
	SigningKey     secret `env:"HOLDFAST_SIGNING_KEY" placeholder:"BASE64" help:"Key of access tokens: 32 random bytes or more in base64. Other users of the machine can see a flag: use the file or the environment. With neither, keys/signing.key of the data directory, which is made when it is missing."`
	SigningKeyFile string `env:"HOLDFAST_SIGNING_KEY_FILE" placeholder:"FILE" help:"File with that key."`
}

// given reports whether a key is configured.
func (o *signingKeyOptions) given() bool { return o.SigningKey != "" || o.SigningKeyFile != "" }

// commaList is a list that is written with commas, in a file too.
type commaList []string

// MarshalText returns the list as it is written.
func (l commaList) MarshalText() ([]byte, error) { return []byte(strings.Join(l, ",")), nil }

// secret is a value that is never printed.
type secret string

const redacted = "[redacted]"

// String hides the value from %v and %s.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the value from %#v.
func (s secret) GoString() string { return s.String() }

// LogValue hides the value from logs.
func (s secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from JSON and all that is made of text.
func (s secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
