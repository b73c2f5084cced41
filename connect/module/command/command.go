// Package command is `k6 x mconnect`: what the extension does without a script.
package command

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/tools"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

const long = `Makes connections, and says whether all is well: what the functions of the module k6/x/mconnect do, without a
script. The options are those of the JavaScript API, with hyphens: connectTimeout is --connect-timeout,
expect: {hosts: […]} is --expect-hosts web-1,web-2. Durations have a unit, as in 500ms, 8s or 1h30m; a plain number is
milliseconds.

The exit code is 0 if all verdicts hold, 99 if one does not, and 1 on an error. Ctrl-C ends a call early and shows
what there is; a second one leaves at once.`

const examples = `  k6 x mconnect flood 10.0.0.2:5001 --connections 20000 --expect-hosts web-1,web-2,web-3
  k6 x mconnect hold web:80 --connections 5000 --duration 10m
  k6 x mconnect traffic 10.0.0.2:5003 --connections 100 --rate 1000 --duration 1m
  k6 x mconnect ping https://web/ --timeout 2s
  k6 x mconnect script flood 10.0.0.2:5001 --connections 20000 > test.js && k6 run test.js`

// New returns the command, which k6 runs as `k6 x mconnect`. k6 makes it whatever it has been asked to do, and the flags and their texts
// are a third of what k6 does before it runs a script: they are left out where nobody can ask for them.
func New(gs *state.GlobalState) *cobra.Command {
	c := &cobra.Command{
		Use:     "mconnect",
		Short:   "Verify layer 4: connects, balance, capacity, live connections, without a script",
		Long:    long,
		Example: examples,
		Args:    inError(isCall), // what it does, its subcommands do
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },

		SuggestionsMinimumDistance: 2, // letters that are wrong
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return failed(fmt.Errorf("%w; %s%s --help lists the flags", err, meant(c, err), c.CommandPath()))
	})
	if !slices.Contains(gs.CmdArgs, c.Name()) {
		return c
	}
	for i := range calls {
		c.AddCommand(calls[i].command(gs))
	}
	c.AddCommand(newServer(gs), newReport(gs), newScript(gs))
	for _, name := range slices.Sorted(maps.Keys(tools.All)) {
		c.AddCommand(newTool(gs, name))
	}
	return c
}

// meant asks whether a flag that is unknown stands for another one.
func meant(c *cobra.Command, err error) string {
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if name := options.Meant(unknown.GetSpecifiedName(), names); name != "" {
		return "do you mean --" + name + "? "
	}
	return ""
}

// isCall refuses what is none of the commands.
func isCall(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	const targets = "a target comes after the call, as in: k6 x mconnect flood 10.0.0.2:5001"
	if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
		return fmt.Errorf("unknown command %q; do you mean %s?", args[0], strings.Join(similar, " or "))
	}
	return fmt.Errorf("unknown command %q; %s --help lists the commands, and %s", args[0], c.CommandPath(), targets)
}

// The exit codes besides 0.
const (
	exitError   = exitcodes.ExitCode(1)
	exitVerdict = exitcodes.ThresholdsHaveFailed
)

// failed gives an error the exit code of errors, unless it has one.
func failed(err error) error { return errext.WithExitCodeIfNone(err, exitError) }

// inError gives the errors of a check of arguments the exit code of errors.
func inError(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error { return failed(check(c, args)) }
}
