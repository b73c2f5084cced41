//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A namespace is a network of its own, as `ip netns` makes it.
type namespace struct{ name string }

func newNamespace(name string) (*namespace, error) {
	// Other runs have other process numbers, so that nobody's namespace is taken for ours.
	ns := &namespace{fmt.Sprintf("mclab-%d-%s", os.Getpid(), name)}
	if err := iproute2("", "netns", "add", ns.name); err != nil {
		return nil, err
	}
	return ns, errors.Join(
		// Before there are interfaces that would take the old defaults.
		ns.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv6.conf.default.accept_dad=0"),
		ns.ip("link set lo up"),
	)
}

func (ns *namespace) close() error { return iproute2("", "netns", "del", ns.name) }

// ip runs commands of iproute2, one for each line.
func (ns *namespace) ip(lines ...string) error {
	return iproute2(strings.Join(lines, "\n"), "-n", ns.name, "-batch", "-")
}

// nft loads a ruleset, all of it or nothing.
func (ns *namespace) nft(ruleset string) error { return ns.run(ruleset, "nft", "-f", "-") }

func (ns *namespace) sysctl(settings ...string) error {
	return ns.run("", append([]string{"sysctl", "-qw"}, settings...)...)
}

// run runs a command in the namespace and waits for its end.
func (ns *namespace) run(input string, words ...string) error {
	return iproute2(input, ns.inside(words)...)
}

// inside are the arguments of ip(8) that run a command in the namespace. The command takes the place of ip's process.
func (ns *namespace) inside(words []string) []string {
	return append([]string{"netns", "exec", ns.name}, words...)
}

// listen opens a TCP listener in the namespace, for this process.
func (ns *namespace) listen(address string) (listener net.Listener, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and nobody else gets one that is elsewhere
		var file *os.File
		if file, err = os.Open("/run/netns/" + ns.name); err != nil {
			return
		}
		defer file.Close()
		if err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("entering the network namespace %s: %w", ns.name, err)
			return
		}
		listener, err = net.Listen("tcp", address)
	}()
	<-done
	return listener, err
}

// iproute2 runs ip(8) with this input. Its error tells what the program, or the one that it has started, has said.
func iproute2(input string, arguments ...string) error {
	cmd := exec.Command("ip", arguments...) // #nosec G204 -- of the lab's own making
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s\n%s", cmd, err, strings.TrimSpace(string(output)), input)
	}
	return nil
}
