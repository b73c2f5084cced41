//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// external is a load balancer outside of the lab, with servers of its own. Scripts run where the lab was started, and there is a command for each thing that
// the lab changes.
type external struct {
	vips     map[string]netip.Addr // by IP version
	sources  map[string]netip.Prefix
	backends []*backend

	add, remove string // commands that tell the load balancer of a backend
	start, stop string // commands for its server

	inUse []*backend
}

// outside is the one that flags describe.
var outside = &external{vips: map[string]netip.Addr{}, sources: map[string]netip.Prefix{}}

var outsideKind = &kind{
	name: "external", new: func() balancer { return outside }, network: func(*settings) (*network, error) { return outside.network(), nil },
	missing: func() string { return outside.missing() }, udp: true,
}

// define adds its flags.
func (x *external) define() {
	flag.Func("vip", "external: `addresses` of the load balancer, one for each IP version; its ports are 5001 and 5003, as those of the servers", listed(func(text string) error {
		address, err := netip.ParseAddr(text)
		x.vips[version(address)] = address
		return err
	}))
	flag.Func("source", "external: `ranges` of addresses that this host connects from and that answers come back to, 256 addresses of each IP version", listed(func(text string) error {
		prefix, err := netip.ParsePrefix(text)
		x.sources[version(prefix.Addr())] = prefix
		return err
	}))
	flag.Func("backends", "external: `name=address` of each server, separated by commas: its -hostname, and the address of its -http :5004", listed(x.backend))
	flag.StringVar(&x.add, "add", "", "external: `command` that makes the load balancer send new connections to $BACKEND")
	flag.StringVar(&x.remove, "remove", "", "external: `command` that ends that")
	flag.StringVar(&x.start, "start", "", "external: `command` that starts the server of $BACKEND, unless it runs")
	flag.StringVar(&x.stop, "stop", "", "external: `command` that kills it; without these two, scenarios in which servers end are left out")
	flag.StringVar(&outsideKind.live, "live", "stateful", "external: `model` for connections with traffic: stateful, maglev, resilient or ecmp")
	flag.StringVar(&outsideKind.flows, "flows", "", "external: `model` for connections that are made again; default none")
}

// listed makes a flag's function of one for each of its values.
func listed(set func(string) error) func(string) error {
	return func(text string) error {
		for one := range strings.SplitSeq(text, ",") {
			if err := set(one); err != nil {
				return err
			}
		}
		return nil
	}
}

func version(address netip.Addr) string {
	if address.Is4() {
		return "4"
	}
	return "6"
}

// backend adds one.
func (x *external) backend(text string) error {
	name, address, _ := strings.Cut(text, "=")
	ip, err := netip.ParseAddr(address)
	if err != nil || name == "" {
		return fmt.Errorf("%q: want a server's name, an equals sign and its address", text)
	}
	x.backends = append(x.backends, &backend{name: name, number: len(x.backends) + 1, v4: ip, outside: x})
	return nil
}

func (x *external) missing() string {
	switch {
	case len(x.vips) == 0 || len(x.backends) < 3 || x.add == "" || x.remove == "":
		return "-vip, -source, -backends (3 or more), -add and -remove say where it is"
	case (x.start == "") != (x.stop == ""):
		return "-start and -stop go together"
	}
	for family := range x.vips {
		if _, found := x.sources[family]; !found {
			return fmt.Sprintf("-source has no addresses for IPv%s, and -vip has one", family)
		}
	}
	return ""
}

func (x *external) network() *network {
	return &network{client: host, backends: x.backends, vips: x.vips, sources: x.sources, endless: x.stop == ""}
}

func (x *external) use(n *network, backends []*backend) error {
	for _, b := range n.backends {
		was, is := slices.Contains(x.inUse, b), slices.Contains(backends, b)
		var err error
		switch {
		case is && !was:
			err = x.tell(b, x.add)
		case was && !is:
			err = x.tell(b, x.remove)
		}
		if err != nil {
			return err
		}
	}
	x.inUse = slices.Clone(backends)
	return nil
}

// tell runs a command, if there is one, for a backend.
func (x *external) tell(b *backend, command string) error {
	if command == "" {
		return nil
	}
	cmd := exec.Command("sh", "-c", command) // #nosec G204 -- the user's own
	cmd.Env = append(os.Environ(), "BACKEND="+b.name)
	if output, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %q: %w", b.name, command, err), errors.New(strings.TrimSpace(string(output))))
	}
	return nil
}
