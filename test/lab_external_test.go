//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// setRoute is a load balancer's command: its backends are the lines of a file, $1 is add or remove, and $2 says where the router is.
const setRoute = `cd "$(dirname "$0")" && touch backends && grep -vx "$BACKEND" backends >others
if [ "$1" = add ]; then echo "$BACKEND" >>others; fi
sort others >backends
hops=; for name in $(cat backends); do hops="$hops nexthop via 10.1.${name#web-}.2"; done
exec nsenter --net="$2" ip route replace 10.0.0.1 $hops
`

// A load balancer that the lab knows only by two commands is measured as its own are, and one command that fails ends the run.
func TestLabExternal(t *testing.T) {
	r := newRouter(t, 4)
	need(t, "nsenter", "sh")
	script := filepath.Join(t.TempDir(), "set-route")
	require.NoError(t, os.WriteFile(script, []byte(setRoute), 0o600))
	told := func(operation string) string {
		return fmt.Sprintf("sh %s %s /proc/%d/fd/%d", script, operation, os.Getpid(), r.center.file.Fd())
	}
	command := []string{
		labPath, "-balancer", "external", "-vip", "10.0.0.1", "-source", "50.0.0.0/24", "-backends", "web-1=10.1.1.2,web-2=10.1.2.2,web-3=10.1.3.2,web-4=10.1.4.2",
		"-live", "ecmp", "-flows", "ecmp", "-remove", told("remove"),
	}
	lab := startLabIn(t, r.clients, append(command, "-scenario", "balance,flows-edge,kill,loss", "-add", told("add"))...)
	assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
	table := lab.stdout.String()
	assert.Regexp(t, `external +\| 4 +\| flows-edge +\| web-4 leaves +\| share of 5-tuples moved +\|.* 0\.500 \| ± 0\.05 +\| ok`, table)
	assert.Contains(t, table, "| balance")
	for _, left := range []string{"NOK", "| kill", "| loss"} { // the lab can neither end servers there nor lose packets
		assert.NotContains(t, table, left)
	}

	lab = startLabIn(t, r.clients, append(command, "-scenario", "balance", "-add", "echo no such pool >&2; exit 3")...)
	assert.Equal(t, 1, lab.wait(t))
	assert.Contains(t, lab.stderr.String(), `web-1: "echo no such pool >&2; exit 3": exit status 3`)
	assert.Contains(t, lab.stderr.String(), "no such pool\n")
}

// A change that is done too late to be seen is no result: the script runs again with more time, and its rows are told once.
func TestLabTriesAgain(t *testing.T) {
	t.Parallel()
	r := newRouter(t, 4)
	need(t, "nsenter", "sh")
	directory := t.TempDir()
	script := filepath.Join(directory, "set-route")
	require.NoError(t, os.WriteFile(script, []byte(setRoute), 0o600))
	told := func(operation string) string {
		return fmt.Sprintf("sh %s %s /proc/%d/fd/%d", script, operation, os.Getpid(), r.center.file.Fd())
	}
	slow := filepath.Join(directory, "slow")
	lab := startLabIn(t, r.clients,
		labPath, "-balancer", "external", "-vip", "10.0.0.1", "-source", "50.0.0.0/24", "-backends", "web-1=10.1.1.2,web-2=10.1.2.2,web-3=10.1.3.2,web-4=10.1.4.2",
		"-live", "ecmp", "-scenario", "drain", "-add", told("add"), "-remove", "if mkdir "+slow+" 2>/dev/null; then sleep 6; fi; "+told("remove"))
	assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
	assert.DirExists(t, slow)
	assert.Equal(t, 1, strings.Count(lab.stdout.String(), "| drain "+strings.Repeat(" ", 7)+"| web-2 drains"), "%s", lab.stdout)
	assert.NotContains(t, lab.stdout.String(), "NOK")
}
