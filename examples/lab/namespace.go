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

// host is the network that the lab itself was started in.
var host = &namespace{}

func newNamespace(name string) (*namespace, error) {
	// Other runs have other process numbers, so that nobody's namespace is taken for ours.
	ns := &namespace{ownName(name)}
	if err := run("", "ip", "netns", "add", ns.name); err != nil {
		return nil, err
	}
	return ns, errors.Join(
		// Before there are interfaces that would take the old defaults.
		ns.sysctl("ipv4/conf/all/rp_filter", 0), ns.sysctl("ipv4/conf/default/rp_filter", 0), ns.sysctl("ipv6/conf/default/accept_dad", 0),
		ns.ip("link set lo up"),
	)
}

func (ns *namespace) close() error { return run("", "ip", "netns", "del", ns.name) }

// inside calls a function on a thread of its own in the namespace: sockets and processes that it makes are the namespace's.
// `ip netns exec` would do so too, but it also mounts a /sys, for which a busy kernel takes seconds.
func (ns *namespace) inside(do func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and nobody else gets one that is elsewhere
		if ns.name == "" {
			err = do()
			return
		}
		var file *os.File
		if file, err = os.Open("/run/netns/" + ns.name); err != nil {
			return
		}
		defer file.Close()
		if err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("entering the network namespace %s: %w", ns.name, err)
			return
		}
		err = do()
	}()
	<-done
	return err
}

// run runs a command in the namespace and waits for its end.
func (ns *namespace) run(input string, words ...string) error {
	return ns.inside(func() error { return run(input, words...) })
}

// output runs a command in the namespace and returns what it says.
func (ns *namespace) output(words ...string) (text string, err error) {
	err = ns.inside(func() error {
		cmd := exec.Command(words[0], words[1:]...) // #nosec G204 -- of the lab's own making
		output, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", cmd, err, output)
		}
		text = string(output)
		return err
	})
	return text, err
}

// ip runs commands of iproute2, one for each line.
func (ns *namespace) ip(lines ...string) error {
	return ns.run(strings.Join(lines, "\n"), "ip", "-batch", "-")
}

// nft loads a ruleset, all of it or nothing.
func (ns *namespace) nft(ruleset string) error { return ns.run(ruleset, "nft", "-f", "-") }

// sysctl sets one of the namespace's settings below /proc/sys/net.
func (ns *namespace) sysctl(name string, value int) error {
	return ns.inside(func() error { return os.WriteFile("/proc/sys/net/"+name, fmt.Append(nil, value), 0) })
}

// listen opens a TCP listener in the namespace, for this process.
func (ns *namespace) listen(address string) (listener net.Listener, err error) {
	err = ns.inside(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// run runs a command with this input. Its error tells what the command has said.
func run(input string, words ...string) error {
	cmd := exec.Command(words[0], words[1:]...) // #nosec G204 -- of the lab's own making
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s\n%s", cmd, err, strings.TrimSpace(string(output)), input)
	}
	return nil
}
