// Command mconnect-server answers every TCP connection and UDP datagram with its host name. It takes the place of
// "mconnect -server" with the same flags; see -help for all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// Exit codes.
const (
	exitOK = iota
	exitFailed
	exitUsage
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
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr, signals))
}

// run is the whole program: it serves until a signal, drains, and at a second one ends at once.
func run(args []string, env lookup, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	s, err := parse(args, env, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "mconnect-server:", err)
		return exitUsage
	case s.version:
		fmt.Fprintln(stdout, versionText())
		return exitOK
	}
	s.options.Log, s.options.HTTPOutput = s.logger(stderr), stdout
	quit, err := s.runMesh(env, os.Environ)
	if err != nil {
		fmt.Fprintln(stderr, "mconnect-server:", inFlags(err))
		return exitUsage
	}
	var seen *sources
	if s.logSources {
		seen = newSources(mostSources)
		s.options.OnAccept, s.options.OnDatagram = seen.tcp, seen.udp
	}
	endCloudWatch, err := s.startCloudWatch()
	if err != nil {
		fmt.Fprintln(stderr, "mconnect-server:", err)
		return exitFailed
	}
	defer endCloudWatch()
	srv, err := server.Start(s.options)
	if err = inFlags(err); err != nil {
		fmt.Fprintln(stderr, "mconnect-server:", err)
		return exitCode(err)
	}
	stop(srv, s.options.Log, signals, quit)
	s.logEnd(srv, seen)
	return exitOK
}

// stop waits for a signal, or for somebody who asks for the end over HTTP, and drains.
func stop(srv *server.Server, log *slog.Logger, signals, quit <-chan os.Signal) {
	var signal os.Signal
	select {
	case signal = <-signals:
	case signal = <-quit:
	}
	stats := srv.Stats()
	log.Info("Draining; a second signal ends at once", "signal", signal.String(), "active", stats.Active+stats.Echo.Active+stats.HTTP.Active)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := srv.Stop(ctx); err != nil {
		log.Warn("Drained in part", "error", err)
	}
}

func (s *settings) logEnd(srv *server.Server, seen *sources) {
	stats := srv.Stats()
	attributes := []any{
		"accepted", stats.Accepted, "refused", stats.Refused, "active", stats.Active, "timed_out", stats.TimedOut,
		"replies", stats.Replies, "dropped", stats.Dropped, "bytes_received", stats.Received,
		"udp_datagrams", stats.Datagrams, "udp_answered", stats.DatagramsAnswered,
	}
	if s.options.ProxyProtocol {
		attributes = append(attributes, "header_errors", stats.HeaderErrors+stats.Echo.HeaderErrors)
	}
	if srv.EchoAddr().IsValid() {
		attributes = append(attributes, "echo_accepted", stats.Echo.Accepted, "echo_refused", stats.Echo.Refused,
			"echo_bytes_received", stats.Echo.Received, "echo_bytes_sent", stats.Echo.Sent,
			"echo_udp_datagrams", stats.Echo.Datagrams, "echo_udp_answered", stats.Echo.DatagramsAnswered)
	}
	if srv.HTTPAddr().IsValid() {
		attributes = append(attributes, "http_accepted", stats.HTTP.Accepted, "http_refused", stats.HTTP.Refused,
			"http_requests", stats.HTTP.Served)
	}
	if seen != nil {
		attributes = append(attributes, slog.Any("sources", seen))
	}
	s.options.Log.Info("Stopped", attributes...)
}

func exitCode(err error) int {
	if _, ok := errors.AsType[*server.OptionError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
