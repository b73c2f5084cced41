package limits

import (
	"fmt"
	"math"
	"math/bits"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// systemChecks reads the kernel's limits (ip-sysctl and nf_conntrack-sysctl in the kernel's documentation, sysinfo(2)).
func systemChecks(n Need) []Check {
	var checks []Check
	add := func(c Check, known bool) {
		if known {
			checks = append(checks, c)
		}
	}
	if ports, ok := portRange(); ok {
		tuples := saturatingProduct(ports, n.Sources, n.Targets)
		add(check("source ports x sources x targets", tuples, n.Connections,
			"more source addresses (source: '10.0.0.0/24'), or sysctl -w net.ipv4.ip_local_port_range='1024 65535'"), true)
	}
	if somaxconn, ok := number("/proc/sys/net/core/somaxconn"); ok {
		const usual = 1024
		add(check("somaxconn (for servers on this host)", somaxconn, min(n.Connections, usual), fmt.Sprintf("sysctl -w net.core.somaxconn=%d", usual)), true)
	}
	if table, ok := number("/proc/sys/net/netfilter/nf_conntrack_max"); ok {
		used, _ := number("/proc/sys/net/netfilter/nf_conntrack_count")
		add(check("free conntrack entries", table-min(used, table), n.Connections, fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", used+2*n.Connections)), true)
	}
	if files, ok := number("/proc/sys/fs/file-max"); ok {
		add(check("open files of the system", files, n.Connections, fmt.Sprintf("sysctl -w fs.file-max=%d", 2*n.Connections)), true)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		free := (uint64(info.Freeram) + uint64(info.Bufferram)) * uint64(info.Unit) //nolint:unconvert // 32 bits on some systems
		if available, ok := availableMemory(); ok {
			free = available
		}
		add(check("free memory in bytes", free, saturatingProduct(n.Connections, bytesPerConnection), "fewer connections, or a larger machine"), true)
	}
	return checks
}

func portRange() (ports uint64, ok bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, false
	}
	var first, last uint64
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil || last < first {
		return 0, false
	}
	return last - first + 1, true
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

func saturatingProduct(factors ...uint64) uint64 {
	product := uint64(1)
	for _, f := range factors {
		high, low := bits.Mul64(product, f)
		if high > 0 {
			return math.MaxUint64
		}
		product = low
	}
	return product
}
