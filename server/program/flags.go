package program

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// settings are what flags and environment say.
type settings struct {
	options    server.Options
	mesh       mesh.Options
	inMesh     bool // and not only has the API of one, as every HTTP listener
	envAndQuit bool
	cloudWatch bool
	version    bool
	logFormat  string
	logSources bool
	isAsked    bool // -address was given
}

// lookup is os.LookupEnv.
type lookup func(name string) (value string, ok bool)

const (
	envPrefix = "MCONNECT_"
	usageHead = `Usage: mconnect-server [flags]

Answers every TCP connection and UDP datagram with its host name, as "mconnect -server" does; with -echo it is also
ctraffic's server.
SIGTERM and SIGINT drain, a second signal ends at once.

Each flag but -version can also be set by an environment variable: MCONNECT_ADDRESS for -address, MCONNECT_MAX_CONNECTIONS
for -max-connections and so on. A flag beats its variable; other variables that begin so are ignored, since Kubernetes
sets some for a service of that name.

`
)

// parse reads the flags, and the environment for those not given. It prints only the help.
func parse(args []string, env lookup, help io.Writer) (*settings, error) {
	s := &settings{}
	flags := s.flagSet()
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(help, usageHead)
		flags.SetOutput(help)
		flags.PrintDefaults()
		return nil, err //nolint:wrapcheck // not an error
	case err != nil:
		return nil, fmt.Errorf("%w; see -help", err)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is not a flag; only flags are accepted, see -help", flags.Arg(0))
	}
	if err := s.checkHTTPFlags(flags, env); err != nil {
		return nil, err
	}
	if err := fromEnv(flags, env); err != nil {
		return nil, err
	}
	flags.Visit(func(f *flag.Flag) { s.isAsked = s.isAsked || f.Name == "address" })
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := s.checkHTTP(flags); err != nil {
		return nil, err
	}
	return s, s.completeMesh(flags, env)
}

func (s *settings) flagSet() *flag.FlagSet {
	o := &s.options
	f := flag.NewFlagSet("mconnect-server", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are returned, and printed once
	_ = f.Bool("server", true, "accepted for mconnect's sake, and ignored: this is the server")
	f.StringVar(&o.Address, "address", server.DefaultAddress, "`host:port` to listen on; [::]:5001 is every address of this host")
	f.BoolVar(&o.UDP, "udp", false, "answer UDP datagrams too, from the address they were sent to")
	f.StringVar(&o.Echo, "echo", "", "`host:port` of ctraffic's echo, TCP and UDP, such as [::]:5003; empty for none")
	f.BoolVar(&o.ProxyProtocol, "proxy-protocol", false, "connections to -address and -echo begin with a PROXY header, version 1 or 2, as a load balancer sends it\n(HAProxy: send-proxy-v2); those without one are closed")
	f.BoolVar(&o.TellSource, "tell-source", false, "answer with the host name, a TAB, and the client's address and port as seen here, or in the PROXY header;\nmconnect's own client takes each such answer for another host")
	f.StringVar(&o.Packets, "packets", "", "`interface` on which -address and -echo are answered from packets alone (Linux, root): nothing is kept per connection;\n-address needs an IP address and a port then, which no interface has to have")
	f.StringVar(&o.Probe, "k8sprobe", "", "`host:port` of the Kubernetes liveness probe, http://host:port/healthz; empty for none")
	f.BoolVar(&s.version, "version", false, "print the version and exit")
	f.StringVar(&o.Hostname, "hostname", "", "`name` to answer with, at most 255 bytes (default: the system's host name)")
	f.IntVar(&o.MaxConnections, "max-connections", 0, "most TCP connections at once, those beyond are closed at once\n(default: the limit of file descriptors less a reserve of 512)")
	f.DurationVar(&o.IdleTimeout, "idle-timeout", server.DefaultIdleTimeout, "close a TCP connection on which nothing arrives for so long;\nmconnect -keep holds connections for an hour and only reads")
	f.StringVar(&o.TLSCert, "tls-cert", "", "PEM `file` with the certificate; with -tls-key, the responder and the echo speak TLS over TCP")
	f.StringVar(&o.TLSKey, "tls-key", "", "PEM `file` with the certificate's key")
	f.DurationVar(&o.Drain, "drain", server.DefaultDrain, "time for clients to finish after SIGTERM; 0 closes them at once")
	f.StringVar(&s.logFormat, "log", "text", "`format` of the log on standard error: text or json")
	s.httpFlags(f)
	s.meshFlags(f)
	f.BoolVar(&s.logSources, "log-sources", false, "count connections and datagrams by source address, up to a million addresses,\nand log at the end how many there were and the fewest and most for one")
	return f
}

// fromEnv sets the flags that were not given from their environment variables.
func fromEnv(flags *flag.FlagSet, env lookup) (err error) {
	given := map[string]bool{"version": true} // many an image has a variable with that name and a number in it
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	flags.VisitAll(func(f *flag.Flag) {
		variable := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := env(variable)
		if !ok || given[f.Name] || err != nil {
			return
		}
		values := []string{value}
		if list, ok := f.Value.(interface{ split(string) []string }); ok {
			values = list.split(value)
		}
		for _, value := range values {
			if wrong := flags.Set(f.Name, value); wrong != nil {
				err = fmt.Errorf("invalid value %q of %s (flag -%s): %w; see -help", value, variable, f.Name, wrong)
			}
		}
	})
	return err
}

// check refuses what the library would take for "not set", and what only flags have.
func (s *settings) check() error {
	const form = "invalid value %q for flag -%s: %s"
	switch {
	case s.options.Address == "":
		return fmt.Errorf(form, "", "address", "use host:port, such as [::]:5001")
	case s.options.IdleTimeout <= 0:
		return fmt.Errorf(form, s.options.IdleTimeout, "idle-timeout", "must be above 0, such as 10m")
	case s.options.Drain < 0:
		return fmt.Errorf(form, s.options.Drain, "drain", "must be 0 or more, such as 5s")
	case s.logFormat != "text" && s.logFormat != "json":
		return fmt.Errorf(form, s.logFormat, "log", "must be text or json")
	}
	if s.options.Drain == 0 {
		s.options.Drain = -1 * time.Nanosecond // 0 is the default there
	}
	return nil
}

func (s *settings) logger(w io.Writer) *slog.Logger {
	if s.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// flagOf is the flag for each option of the server that can be wrong, flagOfMesh for each of the mesh.
var (
	flagOf = map[string]string{
		"Address": "address", "Echo": "echo", "Probe": "k8sprobe", "Packets": "packets", "Hostname": "hostname", "MaxConnections": "max-connections",
		"IdleTimeout": "idle-timeout", "TLSCert": "tls-cert", "TLSKey": "tls-key",
		"HTTP": "http", "HTTPDelay": "delay", "HTTPTimeout": "timeout",
	}
	flagOfMesh = map[string]string{
		"Location": "location", "Peers": "peer", "Discover": "discover", "Delay": "ping-delay", "Limit": "ping-limit",
		"Timeout": "ping-timeout", "MaxPeers": "max-peers", "Token": "token", "State": "state",
	}
)

// inFlags tells the errors of the server and its mesh in terms of flags: a wrong option is always a *server.OptionError.
func inFlags(err error) error {
	if option, ok := errors.AsType[*mesh.OptionError](err); ok {
		return &server.OptionError{Option: "-" + flagOfMesh[option.Option], Value: option.Value, Reason: option.Reason}
	}
	if option, ok := errors.AsType[*server.OptionError](err); ok {
		return &server.OptionError{Option: "-" + flagOf[option.Option], Value: option.Value, Reason: option.Reason}
	}
	if listen, ok := errors.AsType[*server.ListenError](err); ok {
		return &server.ListenError{Option: "-" + flagOf[listen.Option], Address: listen.Address, Err: listen.Err}
	}
	return err
}

// unasked says where an address comes from on which this can't listen, if nobody has given it.
func (s *settings) unasked(err error) error {
	if listen, ok := errors.AsType[*server.ListenError](err); ok && listen.Option == "-address" && !s.isAsked {
		return fmt.Errorf("%w; no -address was given, so this is its default, for the responder, which always runs (another mconnect-server may have it): give it one that is free, such as -address [::1]:0", err)
	}
	return err
}
