//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
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
	return startLabIn(t, nil, slices.Concat(wrapper, []string{labPath}, flags)...)
}

// startLabIn starts it in a namespace, by a command of which it is a part.
func startLabIn(t *testing.T, ns *namespace, command ...string) *process {
	t.Helper()
	need(t, "go", k6Path, serverPath)
	require.NoError(t, buildLab())
	return start(t, ns, command...)
}

// needLab ends the test where the lab can't run: its namespaces are root's, and each balancer needs a program of its own.
func needLab(t *testing.T, balancer string) {
	t.Helper()
	needs.Root(t, "make network namespaces")
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
		{"xdp", "6", "flows-middle,live-edge,ends"},
		{"xdp-table", "4", "live-middle,stuck"},
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

// Each fault turns exactly the verdicts red that it should, none of them red without it, and the docs have that row. The networks have
// one IP version or the other in turn.
func TestLabFaults(t *testing.T) {
	docs, err := os.ReadFile(root + "/docs/lab.md")
	require.NoError(t, err)
	for i, fault := range []string{
		"idle-backend", "dead-backend", "half-open", "stall", "affinity-lost", "corrupted", "leak", "needless-flush", "port-reuse", "old-table",
		"stale-map", "permutation",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			needLab(t, "dnat")
			if fault == "needless-flush" {
				need(t, "conntrack")
			}
			lab := startLab(t, nil, "-fault", fault, "-servers", "4", "-ip", []string{"4", "6"}[i%2])
			assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
			row := regexp.MustCompile(`(?m)^\| ` + fault + ` .*ok +\|$`).FindString(lab.stdout.String())
			require.NotEmpty(t, row, "%s", lab.stdout)
			assert.Contains(t, spaced(string(docs)), spaced(row), "`make lab LAB='-fault all'` prints the docs' table of faults")
		})
	}
}

// spaced makes all spaces between words the same.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }

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

// Two load balancers side by side come into one table, which goes into a document.
func TestLabWritesDocs(t *testing.T) {
	t.Parallel()
	needLab(t, "ecmp")
	page := filepath.Join(t.TempDir(), "page.md")
	const begin, end = "<!-- make lab writes this: host -->\n", "<!-- until here -->\n"
	require.NoError(t, os.WriteFile(page, []byte("# Page\n"+begin+"old\n"+end+"after\n"), 0o600))
	lab := startLab(t, nil, "-jobs", "2", "-docs", page, "-balancer", "ecmp,resilient", "-servers", "3", "-ip", "4", "-scenario", "balance")
	assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Regexp(t, `(?s)^# Page\n`+begin+"\nOne run of `make lab LAB='-jobs 2 -balancer ecmp,resilient -servers 3 -ip 4 -scenario balance'`, Linux .*: 6 rows, all within their tolerances\\.\n"+
		"\n\\| largest share, tcp \\| none \\|\n\\|---\\|---\\|\n\\| `ecmp` \\| 0.* \\|\n\\| `resilient` \\| 0.*\n"+end+"after\n$", string(text))
}

// Ctrl-C reaches the labs that run side by side, and each takes away its own.
func TestLabsLeaveNothing(t *testing.T) {
	t.Parallel()
	needLab(t, "ecmp")
	lab := startLab(t, nil, "-jobs", "2", "-balancer", "ecmp,resilient", "-servers", "3", "-scenario", "steady", "-steady", "1h")
	var parts []string
	require.Eventually(t, func() bool {
		parts = childrenNamed(t, lab.cmd.Process.Pid, "lab")
		return len(parts) == 2 && k6Runs("mclab-"+parts[0]+"-client") && k6Runs("mclab-"+parts[1]+"-client")
	}, patience, 10*time.Millisecond)
	lab.signal(syscall.SIGINT)
	assert.Equal(t, 1, lab.wait(t))
	var host *namespace
	for _, pid := range parts {
		assert.NotContains(t, host.run(t, "ip netns list"), "mclab-"+pid+"-")
		assert.NoDirExists(t, "/proc/"+pid)
	}
}

// After kill -9 of the lab no process goes on, and what is left otherwise is removed by the next run, which touches nothing of a lab that runs.
func TestLabRemovesLeftovers(t *testing.T) {
	needLab(t, "haproxy")
	temporary := t.TempDir()
	wrapper := []string{"env", "TMPDIR=" + temporary}
	begin := func() (*process, string) {
		lab := startLab(t, wrapper, "-balancer", "haproxy", "-servers", "3", "-scenario", "steady", "-steady", "1h")
		mine := fmt.Sprintf("mclab-%d-", lab.cmd.Process.Pid)
		require.Eventually(t, func() bool { return k6Runs(mine + "client") }, patience, 10*time.Millisecond)
		return lab, mine
	}
	var host *namespace
	killed, dead := begin()
	killed.signal(syscall.SIGKILL)
	killed.wait(t)
	require.Eventually(t, func() bool { return !k6Runs(dead + "client") }, patience, 10*time.Millisecond)
	assert.Contains(t, host.run(t, "ip netns list"), dead)

	running, alive := begin()
	assert.NotContains(t, host.run(t, "ip netns list"), dead)
	next, _ := begin()
	assert.Contains(t, host.run(t, "ip netns list"), alive+"client")
	assert.True(t, k6Runs(alive+"client"))
	for _, lab := range []*process{running, next} {
		lab.signal(syscall.SIGINT)
		assert.Equal(t, 1, lab.wait(t))
	}
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
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
		"slow":        {nil, []string{"-connections", "800", "-rate", "400"}, []string{"-rate 400: want 800 or more"}},
		"balancer":    {nil, []string{"-balancer", "f5"}, []string{`"f5" is none of ecmp, `}},
		"fault":       {nil, []string{"-fault", "fire"}, []string{`"fire" is none of idle-backend, `}},
		"scenario":    {nil, []string{"-scenario", "flood"}, []string{`"flood" is none of balance, `}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(test.wrapper) > 0 {
				needs.Root(t, "become another user")
			}
			lab := startLab(t, test.wrapper, test.flags...)
			assert.NotEqual(t, 0, lab.wait(t))
			for _, part := range test.says {
				assert.Contains(t, lab.stderr.String(), part)
			}
		})
	}
}
