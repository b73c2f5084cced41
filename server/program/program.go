// Package program is mconnect-server as a function, so that other programs can be it, too. Flags, environment and exit codes are the binary's.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// Exit codes.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

// Process is what the program runs in.
type Process struct {
	Args           []string // without the program's name
	Env            func(name string) (value string, ok bool)
	Stdout, Stderr io.Writer
	Signals        <-chan os.Signal // the first one drains, the second one ends at once
	Version        string           // "" is that of the module
	// StartCloudWatch begins to publish pings to CloudWatch; nil where the binary is to be without its client.
	StartCloudWatch func(log *slog.Logger) (CloudWatch, error)
}

// CloudWatch publishes pings.
type CloudWatch struct {
	Publish   func(p mesh.Ping)
	Collector prometheus.Collector // its figures
	Close     func()               // publishes what is left
}

// Run is the whole program: it serves until a signal, drains, and at a second one ends at once. It returns the exit code.
func Run(p Process) int {
	s, err := parse(p.Args, p.Env, p.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(p.Stderr, "mconnect-server:", err)
		return exitUsage
	case s.version:
		fmt.Fprintln(p.Stdout, versionText(p.Version))
		return exitOK
	}
	s.options.Log, s.options.HTTPOutput = s.logger(p.Stderr), p.Stdout
	quit, err := s.runMesh(p.Env, os.Environ)
	if err != nil {
		fmt.Fprintln(p.Stderr, "mconnect-server:", inFlags(err))
		return exitUsage
	}
	var seen *sources
	if s.logSources {
		seen = newSources(mostSources)
		s.options.OnAccept, s.options.OnDatagram = seen.tcp, seen.udp
	}
	endCloudWatch, err := s.startCloudWatch(p.StartCloudWatch)
	if err != nil {
		fmt.Fprintln(p.Stderr, "mconnect-server:", err)
		return exitFailed
	}
	defer endCloudWatch()
	srv, err := server.Start(s.options)
	if err = s.unasked(inFlags(err)); err != nil {
		fmt.Fprintln(p.Stderr, "mconnect-server:", err)
		return exitCode(err)
	}
	stop(srv, s.options.Log, p.Signals, quit)
	s.logEnd(srv, seen)
	return exitOK
}

// startCloudWatch publishes every ping of the mesh, if -cloudwatch asks for it. To be called before the server starts, and
// end when it has stopped.
func (s *settings) startCloudWatch(start func(*slog.Logger) (CloudWatch, error)) (end func(), err error) {
	switch {
	case !s.cloudWatch:
		return func() {}, nil
	case start == nil:
		return nil, errors.New("-cloudwatch: this program has no client of CloudWatch; run mconnect-server itself")
	}
	c, err := start(s.options.Log)
	if err != nil {
		return nil, fmt.Errorf("-cloudwatch: %w", err)
	}
	s.mesh.OnPing = c.Publish
	s.options.Collectors = append(s.options.Collectors, c.Collector)
	return c.Close, nil
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

func versionText(version string) string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
