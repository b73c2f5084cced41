//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// vmKernel is what `make vm-deps` unpacks.
const vmKernel = "bin/vm"

// needVM ends the test where the lab's virtual machine can't be had.
func needVM(t *testing.T) {
	t.Helper()
	needs.Root(t, "install the lab's virtual machine")
	if runtime.GOARCH != "amd64" {
		needs.LeaveOut(t, "the lab's virtual machine runs programs of this machine on amd64, and this machine is "+runtime.GOARCH)
	}
	need(t, "qemu-system-x86_64", "modprobe", "ip", "tc", "ipvsadm")
	if _, err := os.Stat(filepath.Join(root, vmKernel)); err != nil {
		needs.LeaveOut(t, vmKernel+" is missing: run `make vm-deps`; where apt knows no kernel, there is none for the lab's virtual machine")
	}
}

// A part of `make lab LAB=-vm`: what clients see of IPVS is what it has in its table, draining by weight costs nothing, lost SYNs turn `prompt` red, and so
// does forgetting connections `kept`. Software that emulates the machine is slow, but its clock is the machine's own.
func TestLabInVM(t *testing.T) {
	t.Parallel()
	needVM(t)
	lab := startLab(t, nil, "-vm", "-limit", "10m", "-servers", "3", "-ip", "6", "-balancer", "ipvs-mh-direct", "-scenario", "drain,tracked,netem-loss", "-fault", "forgotten", "-connections", "100", "-rate", "100")
	<-lab.ended // by -limit at the latest
	assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
	table := lab.stdout.String()
	for _, scenario := range []string{"drain", "tracked", "netem-loss"} {
		assert.Contains(t, table, "| "+scenario)
	}
	assert.Contains(t, spaced(table), "| verdicts that do not hold | loss, prompt | loss, prompt | loss, prompt | ok |")
	assert.NotContains(t, table, "NOK")
	row := regexp.MustCompile(`(?m)^\| forgotten .*ok +\|$`).FindString(table)
	require.NotEmpty(t, row, "%s", table)
	docs, err := os.ReadFile(root + "/docs/lab.md")
	require.NoError(t, err)
	assert.Contains(t, spaced(string(docs)), spaced(row))
}

// Whatever ends the lab, the virtual machine ends with it, and its files go.
func TestLabInVMLeavesNothing(t *testing.T) {
	needVM(t)
	temporary := t.TempDir()
	lab := startLab(t, []string{"env", "TMPDIR=" + temporary}, "-vm", "-balancer", "ecmp")
	var machines []string
	require.Eventually(t, func() bool {
		machines = childrenNamed(t, lab.cmd.Process.Pid, "qemu-system")
		return len(machines) > 0
	}, patience, 10*time.Millisecond)
	lab.signal(syscall.SIGINT)
	assert.Equal(t, 1, lab.wait(t))
	assert.Contains(t, lab.stderr.String(), "interrupted")
	for _, pid := range machines {
		assert.NoDirExists(t, "/proc/"+pid)
	}
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// childrenNamed are the processes that a process has started, whose names begin like this and that have not ended.
func childrenNamed(t *testing.T, pid int, prefix string) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	for _, list := range lists {
		text, _ := os.ReadFile(list) // its thread may have ended
		for child := range strings.FieldsSeq(string(text)) {
			if name, _ := os.ReadFile("/proc/" + child + "/comm"); strings.HasPrefix(string(name), prefix) {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// What is missing is told with how to get it.
func TestLabInVMSaysWhatIsMissing(t *testing.T) {
	lab := startLab(t, []string{"env", "PATH=/nowhere"}, "-vm", "-kernel", "/nowhere", "-k6", "./no-k6")
	assert.Equal(t, 1, lab.wait(t))
	for _, part := range []string{"qemu-system-x86_64 is missing: install qemu-system-x86", "./no-k6 is missing", "/nowhere/boot has 0 kernels", "make vm-deps"} {
		assert.Contains(t, lab.stderr.String(), part)
	}
}
