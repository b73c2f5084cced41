//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// labPath is built when a test needs it, as `make lab` does.
const labPath = "bin/lab"

var buildLab = sync.OnceValue(func() error {
	build := exec.Command("go", "build", "-o", labPath, "./examples/lab")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", build, err, output)
	}
	return nil
})

func startLab(t *testing.T, wrapper []string, flags ...string) *process {
	t.Helper()
	need(t, "go", k6Path, serverPath)
	require.NoError(t, buildLab())
	return start(t, nil, slices.Concat(wrapper, []string{labPath}, flags)...)
}

// needLab ends the test where the lab can't run: its namespaces are root's, and each balancer needs a program of its own.
func needLab(t *testing.T, balancer string) {
	t.Helper()
	needRoot(t, "make network namespaces")
	need(t, "ip")
	switch {
	case strings.HasPrefix(balancer, "dnat"):
		need(t, "nft")
	case balancer == "haproxy":
		need(t, "haproxy")
	}
}

// A part of what `make lab` runs: what load balancers lose is what their models say, and crashes are seen to end. More connections, and less
// traffic on each, than the lab has by default: the shares scatter less, and a busy machine keeps up.
func TestLab(t *testing.T) {
	for _, test := range []struct{ balancer, ip, scenarios string }{
		{"ecmp", "6", "flows-middle,live-edge"},
		{"resilient", "4", "flows-edge,live-middle"},
		{"dnat-roundrobin", "6", "live-middle,kill"},
		{"dnat-maglev", "4", "flows-middle"},
	} {
		t.Run(test.balancer, func(t *testing.T) {
			t.Parallel()
			needLab(t, test.balancer)
			lab := startLab(t, nil, "-balancer", test.balancer, "-ip", test.ip, "-scenario", test.scenarios, "-connections", "800", "-rate", "2400")
			assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
			table := lab.stdout.String()
			for scenario := range strings.SplitSeq(test.scenarios, ",") {
				assert.Contains(t, table, "| "+scenario)
			}
			assert.NotContains(t, table, "NOK")
		})
	}
}

// Whatever ends the lab, it takes away what it has made.
func TestLabLeavesNothing(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needLab(t, "haproxy")
			lab := startLab(t, nil, "-balancer", "haproxy", "-servers", "3", "-scenario", "steady", "-steady", "1h")
			mine := fmt.Sprintf("mclab-%d-", lab.cmd.Process.Pid)
			require.Eventually(t, func() bool { return k6Runs(mine + "client") }, patience, 10*time.Millisecond)
			lab.signal(signal)
			assert.Equal(t, 1, lab.wait(t))
			var host *namespace
			assert.NotContains(t, host.run(t, "ip netns list"), mine)
			assert.False(t, k6Runs(mine+"client"))
		})
	}
}

// k6 itself only logs what a script throws.
func TestLabFailsWithItsScripts(t *testing.T) {
	needLab(t, "ecmp")
	lab := startLab(t, nil, "-balancer", "ecmp", "-servers", "3", "-ip", "4", "-scenario", "steady", "-connections", "0")
	assert.Equal(t, 1, lab.wait(t), "%s", lab.stdout)
	assert.Contains(t, lab.stderr.String(), `option \"connections\"`)
}

// k6Runs looks for k6 in a namespace.
func k6Runs(namespace string) bool {
	pids, err := exec.Command("ip", "netns", "pids", namespace).Output()
	if err != nil {
		return false
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if name, _ := os.ReadFile("/proc/" + pid + "/comm"); string(name) == "k6\n" {
			return true
		}
	}
	return false
}

// It says all that is missing at once.
func TestLabSaysWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		wrapper, flags []string
		says           []string
	}{
		"root":        {[]string{"setpriv", "--reuid=65534", "--clear-groups"}, nil, []string{"root"}},
		"binaries":    {nil, []string{"-k6", "./no-k6", "-server", "./no-server"}, []string{"./no-k6 is missing: run `make build`", "./no-server"}},
		"few servers": {nil, []string{"-servers", "2"}, []string{"-servers 2: want 3 to 100"}},
		"balancer":    {nil, []string{"-balancer", "f5"}, []string{`"f5" is none of ecmp, `}},
		"scenario":    {nil, []string{"-scenario", "flood"}, []string{`"flood" is none of balance, `}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(test.wrapper) > 0 {
				needRoot(t, "become another user")
			}
			lab := startLab(t, test.wrapper, test.flags...)
			assert.NotEqual(t, 0, lab.wait(t))
			for _, part := range test.says {
				assert.Contains(t, lab.stderr.String(), part)
			}
		})
	}
}
