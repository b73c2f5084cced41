package program

import (
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// ofHTTP are the flags that mean nothing without -http.
var ofHTTP = map[string]bool{"delay": true, "stats": true, "timeout": true, "close": true}

func (s *settings) httpFlags(f *flag.FlagSet) {
	o := &s.options
	f.StringVar(&o.HTTP, "http", "", "`host:port` of the HTTP listener: /metrics, /sockets, the mesh, and a slow listener under every other path;\nempty for none")
	f.DurationVar(&o.HTTPDelay, "delay", 0, "the slow listener lets each request wait so long before it reads its body and answers OK")
	f.DurationVar(&o.HTTPStats, "stats", server.DefaultHTTPStats, "interval of the line \"Received  N Rate R r/s\" on standard output; 0 for none;\nif not given, it begins with the slow listener's first request")
	f.DurationVar(&o.HTTPTimeout, "timeout", server.DefaultHTTPTimeout, "time for HTTP clients to send a request, to take its answer after the delay, and to send the next one")
	f.BoolVar(&o.HTTPClose, "close", false, "the slow listener sends Connection: close and closes")
}

// checkHTTPFlags refuses what the command line asks in vain. Variables may be there for a whole fleet.
func (s *settings) checkHTTPFlags(flags *flag.FlagSet, env lookup) (err error) {
	if address, _ := env(envPrefix + "HTTP"); s.options.HTTP != "" || address != "" {
		return nil
	}
	flags.Visit(func(f *flag.Flag) {
		if (ofHTTP[f.Name] || slices.Contains(ofMesh, f.Name)) && err == nil {
			err = fmt.Errorf("flag -%s is for the HTTP listener, which is off: add -http host:port, such as -http [::]:8090", f.Name)
		}
	})
	return err
}

// checkHTTP refuses what the library would take for "not set", and tells it what was not.
func (s *settings) checkHTTP(flags *flag.FlagSet) error {
	const form = "invalid value %q for flag -%s: %s"
	switch {
	case s.options.HTTPDelay < 0:
		return fmt.Errorf(form, s.options.HTTPDelay, "delay", "must be 0 or more, such as 5m")
	case s.options.HTTPStats < 0:
		return fmt.Errorf(form, s.options.HTTPStats, "stats", "must be 0 or more, such as 5s")
	case s.options.HTTPTimeout <= 0:
		return fmt.Errorf(form, s.options.HTTPTimeout, "timeout", "must be above 0, such as 30s")
	case s.options.HTTPStats == 0:
		s.options.HTTPStats = -1 * time.Nanosecond // 0 is the default there
		return nil
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "stats" })
	if !given {
		s.options.HTTPStats = 0
	}
	return nil
}
