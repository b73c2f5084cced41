//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This host's own connection table is full: its packets are dropped, and the texts name it, its size and what raises that. Each namespace has a table of
// its own, of a size that is the whole machine's.
func TestFaultOwnConntrackFull(t *testing.T) {
	t.Parallel()
	need(t, "conntrack", "nft")
	tracking := func() *namespace {
		ns := newNamespace(t)
		ns.rules(t, `table ip tracking {
			chain out {
				type filter hook output priority 0
				ct state new accept
			}
		}`)
		return ns
	}
	const body = `const to = listen(); await flood(to.address, { connections: 20, connectTimeout: '500ms' });`
	faultTest{ns: tracking(), body: body}.passes(t)
	full := tracking()
	size := fillConntrack(t, full)
	faultTest{ns: full, body: body}.fails(t, map[string][]string{
		"connected": {"20 timeout", fmt.Sprintf("this host's own connection table is full (%[1]d of %[1]d, nf_conntrack)", size), "sysctl -w net.netfilter.nf_conntrack_max="},
	})
}

// fillConntrack fills a namespace's connection table with flows that have been answered, since others make room for new ones.
func fillConntrack(t *testing.T, ns *namespace) (size int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	require.NoError(t, err)
	size, err = strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	file := t.TempDir() + "/entries"
	const atOnce = 1 << 14 // conntrack keeps all lines of a file in memory
	for from := 0; from < size; from += atOnce {
		var lines strings.Builder
		for i := from; i < min(from+atOnce, size); i++ {
			address := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
			fmt.Fprintf(&lines, "-A -p udp -t 600 -u SEEN_REPLY,ASSURED -s %[1]s -d 10.9.9.9 -r 10.9.9.9 -q %[1]s --sport %[2]d --dport 53 --reply-port-src 53 --reply-port-dst %[2]d\n", address, 1000+i>>24)
		}
		require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
		ns.run(t, "conntrack -R "+file)
	}
	return size
}
