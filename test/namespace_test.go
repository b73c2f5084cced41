//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// A namespace is a network of its own, with nothing but a loopback interface. It is gone when the test and the processes
// in it are. A nil namespace is the host's.
type namespace struct {
	file *os.File
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	const purpose = "make network namespaces"
	needs.Root(t, purpose)
	need(t, "ip")
	ns := &namespace{}
	var host *namespace
	err := host.inside(func() error {
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			ns.file, err = os.Open("/proc/thread-self/ns/net")
		}
		return err
	})
	needs.Allowed(t, purpose, err)
	require.NoError(t, err, "making a network namespace")
	t.Cleanup(func() { _ = ns.file.Close() })
	ns.run(t, "ip link set lo up")
	return ns
}

// inside runs f on a thread of its own in the namespace. Processes and sockets that f makes are the namespace's.
func (ns *namespace) inside(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := ns.enter()
		if err == nil {
			err = f()
		}
		failed <- err
	}()
	return <-failed
}

func (ns *namespace) enter() error {
	if ns == nil {
		return nil
	}
	return unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET)
}

// run runs a command in the namespace and returns what it prints.
func (ns *namespace) run(t *testing.T, command string) string {
	t.Helper()
	var output []byte
	require.NoError(t, ns.inside(func() (err error) {
		words := strings.Fields(command)
		output, err = exec.Command(words[0], words[1:]...).CombinedOutput()
		return err
	}), "%s: %s", command, &output)
	return string(output)
}

// rules loads an nftables ruleset into the namespace.
func (ns *namespace) rules(t *testing.T, ruleset string) {
	t.Helper()
	need(t, "nft")
	var output []byte
	require.NoError(t, ns.inside(func() (err error) {
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin = strings.NewReader(ruleset)
		output, err = nft.CombinedOutput()
		return err
	}), "nft: %s", &output)
}

// sysctl sets one of the namespace's settings below /proc/sys/net.
func (ns *namespace) sysctl(t *testing.T, name, value string) {
	t.Helper()
	require.NoError(t, ns.inside(func() error {
		return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
	}))
}
