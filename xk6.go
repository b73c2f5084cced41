// Package mconnect registers the k6 JavaScript module k6/x/mconnect and the command `k6 x mconnect`.
package mconnect

import (
	"os"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/subcommand"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command"
)

func init() {
	os.Args = command.Arguments(os.Args)
	modules.Register("k6/x/mconnect", module.New())
	subcommand.RegisterExtension("mconnect", command.New)
}
