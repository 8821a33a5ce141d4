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
	Migrate     migrateCommands    `cmd:"" help:"Look at the schema of the database, and change it."`
	Journal     journalCommands    `cmd:"" help:"Look into the journal while no server runs on it, or begin a new one in the place of one that is lost."`
	User        userCommands       `cmd:"" help:"Make and change accounts."`
	APIKey      apiKeyCommands     `cmd:"" name:"apikey" help:"Make, list and revoke API keys."`
	Audit       auditCommands      `cmd:"" help:"Check the audit log."`
	Backup      backupCommand      `cmd:"" help:"Copy everything that the program keeps into a folder, also while it runs."`
	Restore     restoreCommand     `cmd:"" help:"Put a backup into an empty data directory and an empty database, or with --database-only into the database alone, while no server runs."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it is ready: exit code 0 or 1."`
	Config      configCommands     `cmd:"" help:"Look at the configuration."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

type importCommands struct {
	Catalogue importCatalogueCommand `cmd:"" help:"Put products into the catalogue: those of a catalogue, or those of an order history."`
	Orders    importOrdersCommand    `cmd:"" help:"Put the orders of an order history on record, as orders of their time. What is for sale stays as it is."`
}

type migrateCommands struct {
	Up     migrateUpCommand     `cmd:"" help:"Apply the migrations that are pending, as the start of a server does."`
	Down   migrateDownCommand   `cmd:"" help:"Undo the migration that was applied last, before an older program is installed."`
	Status migrateStatusCommand `cmd:"" help:"List the migrations, and which of them are applied. Nothing is changed, and a server may run."`
}

type journalCommands struct {
	Verify journalVerifyCommand `cmd:"" help:"Read and check every byte, also against the database: exit code 0 or 78."`
	Dump   journalDumpCommand   `cmd:"" help:"Print the records, one JSON object a line."`
	Renew  journalRenewCommand  `cmd:"" help:"Begin a journal after what the database has, when the one that it follows is lost."`
}

type userCommands struct {
	CreateAdmin  createAdminCommand  `cmd:"" help:"Make an account with the role admin."`
	SetRole      setRoleCommand      `cmd:"" help:"Change the role of an account."`
	RemoveFactor removeFactorCommand `cmd:"" help:"Remove the second factor of an account whose device and recovery codes are lost."`
	Seed         seedCommand         `cmd:"" help:"Make customers without a password, and access tokens for them, for load tests."`
}

type apiKeyCommands struct {
	Create createKeyCommand `cmd:"" help:"Make an API key and print it alone on stdout. It is shown only once."`
	List   listKeysCommand  `cmd:"" help:"List the API keys, without the keys themselves."`
	Revoke revokeKeyCommand `cmd:"" help:"Delete an API key."`
}

type auditCommands struct {
	Verify auditVerifyCommand `cmd:"" help:"Read the audit log and check that no entry was changed, inserted or deleted: exit code 0 or 78."`
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
