package main

import (
	"errors"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// commandLine is the root of all commands.
type commandLine struct {
	globalOptions

	Serve       serveCommand       `cmd:"" default:"withargs" help:"Serve the API. The default."`
	Import      importCommands     `cmd:"" help:"Take over what a shop has, from CSV files, while no server runs on the data."`
	Journal     journalCommands    `cmd:"" help:"Look into the journal while no server runs on it. Nothing is changed."`
	User        userCommands       `cmd:"" help:"Make and change accounts."`
	APIKey      apiKeyCommands     `cmd:"" name:"apikey" help:"Make API keys."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it is ready: exit code 0 or 1."`
	Config      configCommands     `cmd:"" help:"Look at the configuration."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

type importCommands struct {
	Catalogue importCatalogueCommand `cmd:"" help:"Put products into the catalogue: those of a catalogue, or those of an order history."`
}

type journalCommands struct {
	Verify journalVerifyCommand `cmd:"" help:"Read and check every byte, also against the database: exit code 0 or 78."`
	Dump   journalDumpCommand   `cmd:"" help:"Print the records, one JSON object a line."`
}

type userCommands struct {
	CreateAdmin createAdminCommand `cmd:"" help:"Make an account with the role admin."`
	SetRole     setRoleCommand     `cmd:"" help:"Change the role of an account."`
	Seed        seedCommand        `cmd:"" help:"Make customers without a password, and access tokens for them, for load tests."`
}

type apiKeyCommands struct {
	Create createKeyCommand `cmd:"" help:"Make an API key and print it alone on stdout. It is shown only once."`
}

type configCommands struct {
	Print configPrintCommand `cmd:"" help:"Print the configuration in force, secrets redacted, in the form of a --config file."`
}

// exited is the panic with which kong is left after it has printed a help page.
type exited struct{}

// parse fills line in. done tells that everything asked for was printed already.
func (p *program) parse(line *commandLine, arguments []string) (parsed *kong.Context, done bool, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			if thrown != (exited{}) {
				panic(thrown)
			}
			done = true
		}
	}()
	parser, err := kong.New(line,
		kong.Name("holdfast"),
		kong.Description("A real-time inventory engine for flash sales. "+
			"A flag wins over its environment variable, that over the file of --config, that over the default."),
		kong.Vars{"data_dir": defaultDataDirectory(), "version": versionText()},
		kong.Configuration(loadFile),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { panic(exited{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
	)
	if err != nil {
		return nil, false, errors.Join(errors.New("BUG: the command line is not well defined"), err)
	}
	parsed, err = parser.Parse(arguments)
	return parsed, false, err
}

// defaultDataDirectory is the state directory that systemd made for the service,
// of which there may be a list, or ./data.
func defaultDataDirectory() string {
	if first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); first != "" {
		return first
	}
	return "./data"
}
