// Package command is `k6 x mconnect`: what the extension does without a script.
package command

import (
	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
)

// New returns the command, which k6 runs as `k6 x mconnect`.
func New(gs *state.GlobalState) *cobra.Command {
	c := &cobra.Command{
		Use:   "mconnect",
		Short: "Analyze and draw recordings of layer-4 tests",
		Args:  cobra.NoArgs, // what it does, its subcommands do
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newReport(gs))
	return c
}
