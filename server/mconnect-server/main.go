// Command mconnect-server answers every TCP connection and UDP datagram with its host name. It takes the place of
// "mconnect -server" with the same flags; see -help for all of them.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/program"
)

// version is set when the binary is linked.
var version = ""

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE) // whoever reads the lines may go before the server does
	os.Exit(program.Run(program.Process{
		Args: os.Args[1:], Env: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr, Signals: signals, Version: version,
		StartCloudWatch: startCloudWatch,
	}))
}
