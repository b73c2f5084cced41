//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// ipvs is the kernel's own load balancer (IP Virtual Server), masquerading, round robin: kube-proxy's mode ipvs.
type ipvs struct {
	started bool
	inUse   []*backend
}

func newIPVS() balancer { return &ipvs{} }

func missingIPVS() string {
	_ = exec.Command("modprobe", "-q", "ip_vs_rr").Run() // it may be built in
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		return "this kernel has no IPVS (CONFIG_IP_VS, CONFIG_IP_VS_RR; `modprobe ip_vs_rr` where it is a module)"
	}
	return noTool("ipvsadm", "install the package ipvsadm")
}

func (v *ipvs) use(n *network, backends []*backend) error {
	var lines []string
	if !v.started {
		v.started = true
		if err := n.vipOnLB(); err != nil {
			return err
		}
		for service := range services {
			lines = append(lines, fmt.Sprintf("-A %s -s rr", service))
		}
	}
	for service, address := range services {
		for _, b := range n.backends {
			was, is := slices.Contains(v.inUse, b), slices.Contains(backends, b)
			switch {
			case is && !was:
				lines = append(lines, fmt.Sprintf("-a %s -r %s -m", service, address(b)))
			case was && !is:
				lines = append(lines, fmt.Sprintf("-d %s -r %s", service, address(b)))
			}
		}
	}
	v.inUse = backends
	return n.lb.run(strings.Join(lines, "\n"), "ipvsadm", "-R")
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
