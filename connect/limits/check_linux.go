package limits

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// systemChecks reads the kernel's limits (ip-sysctl and nf_conntrack-sysctl in the kernel's documentation, proc(5)).
func systemChecks(n Need) []Check {
	var checks []Check
	add := func(name string, value, needed uint64, fix string) {
		checks = append(checks, check(name, value, needed, fix))
	}
	if first, last, ok := EphemeralPorts(); ok && n.Ports == 0 {
		tuples := saturatingProduct(uint64(last-first)+1, n.Sources, n.Targets)
		add("source ports x sources x targets", tuples, n.Connections,
			"more source addresses (source: '10.0.0.0/24'), or sysctl -w net.ipv4.ip_local_port_range='1024 65535'")
	}
	if somaxconn, ok := number("/proc/sys/net/core/somaxconn"); ok {
		const usual = 1024
		add("somaxconn (for servers on this host)", somaxconn, min(n.Connections, usual), fmt.Sprintf("sysctl -w net.core.somaxconn=%d", usual))
	}
	if table, ok := number("/proc/sys/net/netfilter/nf_conntrack_max"); ok {
		used, _ := number("/proc/sys/net/netfilter/nf_conntrack_count")
		add("free conntrack entries", table-min(used, table), n.Connections, fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", used+2*n.Connections))
	}
	if files, ok := number("/proc/sys/fs/file-max"); ok {
		add("open files of the system", files, n.Connections, fmt.Sprintf("sysctl -w fs.file-max=%d", 2*n.Connections))
	}
	return checks
}

// EphemeralPorts returns the range of local ports that the kernel chooses from, of IPv6 too (ip(7), ip_local_port_range).
func EphemeralPorts() (first, last uint16, ok bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil || last < first {
		return 0, 0, false
	}
	return first, last, true
}

func number(path string) (n uint64, ok bool) {
	text, err := os.ReadFile(path) // #nosec G304 -- one of the paths above
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// availableMemory is MemAvailable of /proc/meminfo: with what the kernel would give back.
func availableMemory() (n uint64, ok bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	_, rest, found := strings.Cut(string(text), "MemAvailable:")
	if !found {
		return 0, false
	}
	_, err = fmt.Sscan(rest, &n)
	return n << 10, err == nil
}

// Conntrack is how many connections this host's own connection table holds, and how many it can hold; ok is false if it has none
// (nf_conntrack-sysctl in the kernel's documentation).
func Conntrack() (count, most uint64, ok bool) {
	most, ok = number("/proc/sys/net/netfilter/nf_conntrack_max")
	if !ok {
		return 0, 0, false
	}
	count, ok = number("/proc/sys/net/netfilter/nf_conntrack_count")
	return count, most, ok
}
