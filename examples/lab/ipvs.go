//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// ipvs is the kernel's own load balancer (IP Virtual Server), which kube-proxy's mode ipvs uses. A backend that leaves gets the weight 0, as
// kube-proxy does it: it keeps the connections that it has, and gets no new ones.
type ipvs struct {
	scheduler string // as ipvsadm's -s has it, with its flags
	forward   string // masquerade or direct
	weight    func(*backend) int
	deletes   bool // what leaves is deleted instead

	inUse []*backend // nil before the first use
}

const (
	masquerade = "-m" // a backend's address takes the place of the VIP, and the other way round on the way back
	direct     = "-g" // only the MAC address changes, for backends that have the VIP
)

func equally(*backend) int { return 1 }

// evenTwice are weights for those schedulers that look at them.
func evenTwice(b *backend) int { return 2 - b.number%2 }

// ipvsKinds are the schedulers with both ways to forward.
func ipvsKinds() (all []*kind) {
	for _, way := range []struct{ suffix, forward string }{{"", masquerade}, {"-direct", direct}} {
		for _, scheduler := range []struct {
			name, flags, flows string
			weight             func(*backend) int
			affinity           bool
		}{
			{name: "rr", flags: "rr", weight: equally},
			{name: "wrr", flags: "wrr", weight: evenTwice},
			{name: "lc", flags: "lc", weight: equally},
			// Chooses by the source's address. Without the flag, sources of a backend of weight 0 are refused.
			{name: "sh", flags: "sh -b sh-fallback", weight: equally, flows: "maglev", affinity: true},
			// Chooses by the source's address and port, without the second flag by the address alone. The first is as above.
			{name: "mh", flags: "mh -b mh-fallback,mh-port", weight: equally, flows: "maglev"},
		} {
			all = append(all, &kind{
				name: "ipvs-" + scheduler.name + way.suffix, missing: missingIPVS, live: "stateful", flows: scheduler.flows,
				udp: true, tracks: true, affinity: scheduler.affinity, weight: scheduler.weight,
				new: func() balancer {
					return &ipvs{scheduler: scheduler.flags, forward: way.forward, weight: scheduler.weight}
				},
			})
		}
	}
	return all
}

func missingIPVS() string {
	_ = exec.Command("modprobe", "-q", "ip_vs").Run() // it may be built in
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		return "this kernel has no IPVS (CONFIG_IP_VS): with -vm, the lab runs on one that has"
	}
	return noTool("ipvsadm", "install it (`make test-deps` does)")
}

func (v *ipvs) use(n *network, backends []*backend) error {
	first := v.inUse == nil
	var lines []string
	if first {
		if err := v.start(n); err != nil {
			return err
		}
		for service := range services {
			lines = append(lines, fmt.Sprintf("-A %s -s %s", service, v.scheduler))
		}
	}
	for service, address := range services {
		for _, b := range n.backends {
			was, is := slices.Contains(v.inUse, b), slices.Contains(backends, b)
			command, weight := "-e", 0
			if is {
				weight = v.weight(b)
			}
			switch {
			case was == is:
				continue
			case first, is && v.deletes:
				command = "-a"
			case v.deletes:
				lines = append(lines, fmt.Sprintf("-d %s -r %s", service, address(b)))
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s -r %s %s -w %d", command, service, address(b), v.forward, weight))
		}
	}
	v.inUse = slices.Clone(backends)
	return n.lb.run(strings.Join(lines, "\n"), "ipvsadm", "-R")
}

func (v *ipvs) start(n *network) error {
	if err := n.vipOnLB(); err != nil || v.forward == masquerade {
		return err
	}
	// Answers come from the VIP, which is an address of the load balancer's, too.
	return n.lb.sysctl("ipv4/conf/all/accept_local", 1)
}

// connections returns what IPVS remembers of connections to the echo servers. The kernel tells its table piece by piece, and leaves some out while others
// expire, so it is read until it is the same twice.
func (v *ipvs) connections(n *network) (all []connection, err error) {
	const tries = 50
	for range tries {
		last := all
		if all, err = readIPVS(n); err != nil {
			return nil, err
		}
		if len(all) > 0 && slices.Equal(all, last) {
			return all, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("ipvsadm -lnc: no two of %d tables are the same", tries)
}

// readIPVS reads the table: protocol, time left, state, client, VIP, backend. A client's address and port may also be those of a connection to the other
// service.
func readIPVS(n *network) (all []connection, err error) {
	table, err := n.lb.output("ipvsadm", "-lnc")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) != 6 || words[0] != "TCP" && words[0] != "UDP" {
			continue // the head
		}
		if !strings.HasSuffix(words[4], fmt.Sprintf(":%d", echoPort)) {
			continue
		}
		c, err := n.connection(strings.ToLower(words[0]), words[3], words[5])
		if err != nil {
			return nil, fmt.Errorf("ipvsadm -lnc: %w: %s", err, line)
		}
		all = append(all, c)
	}
	return all, nil
}

// services are the virtual services in ipvsadm's terms, each with the address of its backends.
var services = func() map[string]func(*backend) netip.AddrPort {
	all := map[string]func(*backend) netip.AddrPort{}
	for _, port := range []uint16{responderPort, echoPort} {
		for _, flag := range []string{"-t", "-u"} {
			all[fmt.Sprintf("%s %s", flag, netip.AddrPortFrom(vip4, port))] = func(b *backend) netip.AddrPort { return netip.AddrPortFrom(b.v4, port) }
			all[fmt.Sprintf("%s %s", flag, netip.AddrPortFrom(vip6, port))] = func(b *backend) netip.AddrPort { return netip.AddrPortFrom(b.v6, port) }
		}
	}
	return all
}()
