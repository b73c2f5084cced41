package command

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/tools"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/program"
)

// newTool returns a command that is a tool, with the tool's own flags, output and exit codes. Arguments leads to it.
func newTool(gs *state.GlobalState, name string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: "Be " + name, Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			s := newSession(gs, name)
			var end func()
			p := &tools.Process{
				Name:  name,
				Stdin: gs.Stdin, Stdout: gs.Stdout, Stderr: gs.Stderr, Version: version(),
				Serve: func(flags ...string) int {
					end()
					end = func() {}
					return serve(gs, flags)
				},
			}
			end = s.heed()
			defer func() { end() }()
			p.Ctx = s.ctx
			return exit(gs, tools.Run(name, p, args))
		},
	}
}

// newServer returns the command that is mconnect-server.
func newServer(gs *state.GlobalState) *cobra.Command {
	return &cobra.Command{
		Use:                "server [flags]",
		Short:              "Answer with the host name, or echo, as mconnect-server does",
		Example:            "  k6 x mconnect server -address [::]:5001 -udp -echo [::]:5003 -http [::]:8080\n  k6 x mconnect server -help",
		DisableFlagParsing: true, // they are mconnect-server's, with one hyphen
		RunE:               func(_ *cobra.Command, args []string) error { return exit(gs, serve(gs, args)) },
	}
}

// serve runs mconnect-server until a signal.
func serve(gs *state.GlobalState, flags []string) int {
	signals := make(chan os.Signal, 2)
	gs.SignalNotify(signals, os.Interrupt, syscall.SIGTERM)
	defer gs.SignalStop(signals)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		gs.SignalNotify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE) // whoever reads the lines may go before the server does
	return program.Run(program.Process{
		Args: flags, Env: os.LookupEnv, Stdout: gs.Stdout, Stderr: gs.Stderr, Signals: signals, Version: version(),
	})
}

// exit ends the process with a tool's exit code: it has said what there is to say, and k6 would add a line of its own.
func exit(gs *state.GlobalState, code int) error {
	if code != 0 {
		gs.OSExit(code)
	}
	return nil
}

// version is the extension's.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range append(info.Deps, &info.Main) {
		if module.Path == "github.com/seed-aa7fe5b5/xk6-mconnect" && module.Version != "" {
			return module.Version
		}
	}
	return "unknown"
}
