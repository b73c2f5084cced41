package limits

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
)

// readCounters reads the kernel's counters (snmp_counter in the kernel's documentation). Packets that a firewall drops have no counter of their
// own there, but are missing from a later one. Kernels before 6.7 do not count what is transmitted.
func readCounters() counters {
	text, _ := os.ReadFile("/proc/net/snmp")
	ip := twoLines(text, "Ip:")
	resets, strays := twoLines(text, "Tcp:")["OutRsts"], twoLines(text, "Udp:")["NoPorts"]
	text, _ = os.ReadFile("/proc/net/snmp6")
	ip6 := eachLine(text)
	text, _ = os.ReadFile("/proc/net/netstat")
	tcp, more := twoLines(text, "TcpExt:"), twoLines(text, "IpExt:")
	c := counters{resends: tcp["TCPRetransFail"], forged: tcp["IPReversePathFilter"], resets: resets, strays: strays + ip6["Udp6NoPorts"]}
	if transmitted, ok := ip["OutTransmits"]; ok {
		c.requested += ip["OutRequests"]
		c.transmitted += less(transmitted, ip["ForwDatagrams"])
	}
	if transmitted, ok := ip6["Ip6OutTransmits"]; ok {
		c.requested += ip6["Ip6OutRequests"]
		c.transmitted += less(transmitted, ip6["Ip6OutForwDatagrams"])
	}
	c.received = ip["InReceives"]
	c.delivered = ip["InDelivers"] + ip["ForwDatagrams"] + ip["InHdrErrors"] + ip["InAddrErrors"] + ip["InDiscards"] + less(ip["ReasmReqds"], ip["ReasmOKs"]) +
		more["InNoRoutes"] + more["InMcastPkts"] + more["InBcastPkts"]
	return c
}

// twoLines reads a table of names in one line, and their values in the next.
func twoLines(text []byte, table string) map[string]uint64 {
	values := map[string]uint64{}
	var names []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0 || fields[0] != table:
		case names == nil:
			names = fields
		default:
			for i := 1; i < min(len(names), len(fields)); i++ {
				values[names[i]], _ = strconv.ParseUint(fields[i], 10, 64)
			}
			return values
		}
	}
	return values
}

// eachLine reads a name and its value in each line.
func eachLine(text []byte) map[string]uint64 {
	values := map[string]uint64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 {
			values[fields[0]], _ = strconv.ParseUint(fields[1], 10, 64)
		}
	}
	return values
}
