package main

import (
	"log/slog"
	"time"

	"github.com/alecthomas/kong"
)

// Every option has a flag, the environment variable HOLDFAST_ and the flag's name
// in upper snake case, and the same name in lower snake case in a file.

// globalOptions are those of every command.
type globalOptions struct {
	Version kong.VersionFlag `name:"version" help:"Print the version."`
	Config  kong.ConfigFlag  `placeholder:"FILE" env:"HOLDFAST_CONFIG" help:"A JSON file with options, such as {\"listen\":\"127.0.0.1:8000\"}."`

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

	AdminListen              string        `env:"HOLDFAST_ADMIN_LISTEN" default:"127.0.0.1:9090" help:"Address of /metrics and /debug/pprof. Whoever can connect may read both."`
	BacklogBytesMax          int64         `env:"HOLDFAST_BACKLOG_BYTES_MAX" default:"2147483648" help:"Bytes of records that may wait for the database before orders are answered 503."`
	BacklogRecordsMax        uint64        `env:"HOLDFAST_BACKLOG_RECORDS_MAX" default:"5000000" help:"Records that may wait for the database before orders are answered 503."`
	ConnectionsMax           int           `env:"HOLDFAST_CONNECTIONS_MAX" default:"65536" help:"Open connections; further ones are answered 503."`
	ConnectionsPerAddressMax int           `env:"HOLDFAST_CONNECTIONS_PER_ADDRESS_MAX" default:"0" help:"Open connections of one address; 0 is no bound, since many shoppers share an address."`
	Demo                     bool          `env:"HOLDFAST_DEMO" help:"Put a demonstration catalogue and a flash sale of an hour on sale when there is no product yet."`
	InFlightMax              int           `env:"HOLDFAST_IN_FLIGHT_MAX" default:"16384" help:"Requests that wait for the engine at a time; further ones are answered 503."`
	JournalPendingBytes      int64         `env:"HOLDFAST_JOURNAL_PENDING_BYTES" default:"16777216" help:"Bytes that may wait for a sync of the journal; then requests are answered 503. At most what fits in a segment."`
	JournalRetainBytes       int64         `env:"HOLDFAST_JOURNAL_RETAIN_BYTES" default:"0" help:"Bytes of the journal that are kept although the database has them."`
	JournalSegmentBytes      int64         `env:"HOLDFAST_JOURNAL_SEGMENT_BYTES" default:"67108864" help:"Size of a file of the journal, a multiple of 4096, at most 1 GiB."`
	OwnerConfirm             bool          `env:"HOLDFAST_OWNER_CONFIRM" default:"true" negatable:"" help:"Let customers confirm their own orders, without a payment system."`
	PasswordsParallel        int           `env:"HOLDFAST_PASSWORDS_PARALLEL" default:"0" help:"Passwords that are hashed at a time; 0 is half of the processors, one at least."`
	RequestTimeout           time.Duration `env:"HOLDFAST_REQUEST_TIMEOUT" default:"5s" help:"How long a request waits for the engine; then it is answered 503, and its fate is unknown."`
	ShutdownDelay            time.Duration `env:"HOLDFAST_SHUTDOWN_DELAY" default:"0s" help:"How long /readyz says no before connections are refused, so that balancers look elsewhere."`
	ShutdownTimeout          time.Duration `env:"HOLDFAST_SHUTDOWN_TIMEOUT" default:"25s" help:"How long requests may take to finish after that."`
}

// signingKeyOptions say where the key of access tokens comes from; with neither
// it is the data directory's own.
type signingKeyOptions struct {
	SigningKey     secret `env:"HOLDFAST_SIGNING_KEY" placeholder:"BASE64" help:"Key of access tokens: 32 random bytes or more in base64. Other users of the machine can see a flag: use the file or the environment. With neither, keys/signing.key of the data directory, which is made when it is missing."`
	SigningKeyFile string `env:"HOLDFAST_SIGNING_KEY_FILE" placeholder:"FILE" help:"File with that key."`
}

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
