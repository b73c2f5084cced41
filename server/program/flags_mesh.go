package program

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// peersBesides is how many peers a server may have that nobody has told of a mesh, but that callers on its host may still give some.
// The reserve of descriptors does for them.
const peersBesides = 100

// ofMesh are the flags of which each makes the server a part of a mesh.
var ofMesh = []string{
	"peer", "discover", "location", "ping-delay", "ping-limit", "ping-maxfail", "ping-timeout", "ping-insecure",
	"max-peers", "token", "allow", "state", "env-and-quit", "cloudwatch",
}

func (s *settings) meshFlags(f *flag.FlagSet) {
	o := &s.mesh
	f.Var((*targets)(&o.Peers), "peer", "`URL[#location]` to ping, such as http://10.0.0.2:8090/v1/ping; with the query addpeers=true its peers too,\nand theirs; can be given again, and the variable may hold several with spaces between")
	f.Var((*targets)(&o.Discover), "discover", "`URL` of which every address that its host name has is a peer, now and later, as of a Kubernetes headless service")
	f.StringVar(&o.Location, "location", "", "`name` of the place where this server is (default: REP_LOCATION, or REP_CITY,REP_COUNTRY, or the name it answers with)")
	f.Var(&delay{&o.Delay}, "ping-delay", "`time` from one ping of a peer to the next, such as 10s; a plain number is seconds (default 10s)")
	f.IntVar(&o.Limit, "ping-limit", 0, "pings after which a peer is done; 0 is no limit")
	f.IntVar(&o.MaxFail, "ping-maxfail", mesh.DefaultMaxFail, "failures in a row after which a peer is given up; 0 is never")
	f.DurationVar(&o.Timeout, "ping-timeout", ping.DefaultTimeout, "time for one ping")
	f.BoolVar(&o.Insecure, "ping-insecure", false, "ping https without looking at certificates, as pingmesh does")
	f.IntVar(&o.MaxPeers, "max-peers", mesh.DefaultMaxPeers, "most peers")
	f.StringVar(&o.Token, "token", "", "`secret` that callers need to change the list of peers over HTTP; better in MCONNECT_TOKEN, where ps does not show it\n(default: only callers on this host can)")
	f.Var((*prefixes)(&o.Allow), "allow", "comma list of `CIDRs` that the mesh may connect to (default: all)")
	f.StringVar(&o.State, "state", "", "`file` in which the list of peers outlives the process")
	f.BoolVar(&s.cloudWatch, "cloudwatch", false, "publish each ping to Amazon CloudWatch, as pingmesh does; AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\nsay where, or the AWS configuration of this host or pod")
	f.BoolVar(&s.envAndQuit, "env-and-quit", false, "serve pingmesh's /v1/env and /v1/quit, which show the environment and end the server, to callers with the token")
}

// completeMesh makes the server a part of a mesh if a flag or variable asks for that. Those of pingmesh count for less than the flags.
func (s *settings) completeMesh(flags *flag.FlagSet, env lookup) error {
	if s.options.HTTP == "" {
		return nil
	}
	if address, ok := env("PINGMESH_URL"); ok && address != "" {
		if err := flags.Set("peer", address); err != nil {
			return fmt.Errorf("invalid value %q of PINGMESH_URL: %w", address, err)
		}
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range ofMesh {
		s.inMesh = s.inMesh || given[name]
	}
	if !s.inMesh {
		s.mesh.MaxPeers = peersBesides
	}
	if err := fromPingmesh(flags, given, env); err != nil {
		return err
	}
	return s.checkMesh()
}

// fromPingmesh sets flags that were not given from pingmesh's variables.
func fromPingmesh(flags *flag.FlagSet, given map[string]bool, env lookup) error {
	for variable, name := range map[string]string{
		"PINGMESH_DELAY": "ping-delay", "PINGMESH_LIMIT": "ping-limit", "PINGMESH_MAXFAIL": "ping-maxfail",
	} {
		value, ok := env(variable)
		if !ok || value == "" || given[name] {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("invalid value %q of %s (flag -%s): %w; see -help", value, variable, name, err)
		}
	}
	if given["location"] {
		return nil
	}
	return flags.Set("location", locationFrom(env)) //nolint:wrapcheck // a text, which can't be wrong
}

// locationFrom is where pingmesh's variables say that this is, "" if they do not.
func locationFrom(env lookup) string {
	location, _ := env("REP_LOCATION")
	city, _ := env("REP_CITY")
	country, _ := env("REP_COUNTRY")
	switch {
	case location != "":
		return location
	case city != "" && country != "":
		return city + "," + country
	}
	return city + country
}

// checkMesh refuses what the library would take for "not set".
func (s *settings) checkMesh() error {
	const form = "invalid value %q for flag -%s: %s"
	switch o := &s.mesh; {
	case o.MaxFail < 0:
		return fmt.Errorf(form, strconv.Itoa(o.MaxFail), "ping-maxfail", "must be 1 or more, or 0 for never")
	case o.Timeout <= 0:
		return fmt.Errorf(form, o.Timeout, "ping-timeout", "must be above 0, such as 10s")
	case o.MaxPeers <= 0:
		return fmt.Errorf(form, strconv.Itoa(o.MaxPeers), "max-peers", "must be 1 or more")
	case s.envAndQuit && o.Token == "":
		return fmt.Errorf("flag -env-and-quit needs a -token, since it lets callers read the environment and end the server")
	case o.MaxFail == 0:
		o.MaxFail = -1 // 0 is the default there
	}
	return nil
}

// runMesh lets the server start the mesh, with what only a process has. It returns a channel on which somebody asks it to end.
func (s *settings) runMesh(env lookup, environ func() []string) (quit <-chan os.Signal, err error) {
	asked := make(chan os.Signal, 1)
	if s.options.HTTP == "" {
		return asked, nil
	}
	s.mesh.Output, s.mesh.Log = s.options.HTTPOutput, s.options.Log
	s.mesh.Hostname = cmp.Or(first(env("PINGMESH_HOSTNAME")), s.options.Hostname, first(os.Hostname()))
	s.mesh.Location = cmp.Or(s.mesh.Location, s.options.Hostname, first(os.Hostname()))
	if s.envAndQuit {
		s.mesh.Environ = environ
		s.mesh.Quit = func() {
			select {
			case asked <- os.Interrupt:
			default:
			}
		}
	}
	if s.inMesh {
		s.options.MeshPage, s.options.MeshDescriptors = true, s.mesh.Descriptors()
	}
	s.options.Mesh = func(listening netip.AddrPort) (server.Mesh, error) {
		s.mesh.Port = int(listening.Port())
		m, err := mesh.Start(s.mesh)
		if err != nil {
			return nil, err //nolint:wrapcheck // inFlags tells it
		}
		return m, nil
	}
	return asked, s.mesh.Check() //nolint:wrapcheck // inFlags tells it
}

// first is the first of two values.
func first[V, W any](value V, _ W) V { return value }

// targets is the value of a flag that can be given again.
type targets []mesh.Target

// String implements flag.Value.
func (t *targets) String() string {
	urls := make([]string, len(*t))
	for i, target := range *t {
		urls[i] = target.URL
	}
	return strings.Join(urls, " ")
}

// Set implements flag.Value.
func (t *targets) Set(text string) error {
	target, err := mesh.ParseTarget(text)
	if err != nil {
		return err //nolint:wrapcheck // says what was wrong
	}
	*t = append(*t, target)
	return nil
}

// split is what a variable holds, which can't be given again.
func (t *targets) split(text string) []string { return strings.Fields(text) }

// delay is the value of a flag that takes seconds or a duration.
type delay struct{ d *time.Duration }

// String implements flag.Value.
func (d *delay) String() string {
	if d.d == nil || *d.d == 0 {
		return ""
	}
	return d.d.String()
}

// Set implements flag.Value.
func (d *delay) Set(text string) (err error) {
	*d.d, err = mesh.ParseDelay(text)
	return err //nolint:wrapcheck // says what was wrong
}

// prefixes is the value of a flag with CIDRs.
type prefixes []netip.Prefix

// String implements flag.Value.
func (p *prefixes) String() string {
	texts := make([]string, len(*p))
	for i, prefix := range *p {
		texts[i] = prefix.String()
	}
	return strings.Join(texts, ",")
}

// Set implements flag.Value.
func (p *prefixes) Set(text string) error {
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(one)
		if addr, wrong := netip.ParseAddr(one); wrong == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is not a CIDR such as 10.0.0.0/8, nor an address", one)
		}
		*p = append(*p, prefix.Masked())
	}
	if len(*p) == 0 {
		return errors.New("it names no CIDR, such as 10.0.0.0/8; leave the flag out to allow all")
	}
	return nil
}
