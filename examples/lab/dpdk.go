//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// dpdk is a load balancer made of DPDK's own parts, past the kernel: testpmd forwards frames between the client's interface and a bond of the backends'
// interfaces, whose transmit policy takes a hash of addresses and ports modulo the number of backends (layer 2, backends have the VIP). It keeps no state.
type dpdk struct {
	commands io.Writer
	output   *bufio.Reader
	told     int // commands so far
	inUse    []*backend
}

func newDPDK() balancer { return &dpdk{} }

func missingDPDK() string {
	return noTool("dpdk-testpmd", "install dpdk-dev, which on Debian brings 200 packages with it")
}

// backendMAC is that of all backends, since a bond sends to one address.
const backendMAC = "02:00:00:00:00:aa"

func (d *dpdk) use(n *network, backends []*backend) error {
	if d.commands == nil {
		if err := d.start(n); err != nil {
			return err
		}
	}
	var commands []string
	for _, b := range n.backends {
		was, is := slices.Contains(d.inUse, b), slices.Contains(backends, b)
		switch {
		case is && !was:
			commands = append(commands, fmt.Sprintf("add bonding slave %d %d", b.number, bond(n)))
		case was && !is:
			commands = append(commands, fmt.Sprintf("remove bonding slave %d %d", b.number, bond(n)))
		}
	}
	d.inUse = slices.Clone(backends)
	return d.tell(commands...)
}

// bond is the number of its port. That of the client is 0, and backends have their own numbers.
func bond(n *network) int { return len(n.backends) + 1 }

func (d *dpdk) start(n *network) error {
	client, err := n.client.link("lb")
	if err != nil {
		return err
	}
	devices := []string{"--vdev=net_af_packet0,iface=client"}
	bonded := []string{"--vdev=net_bonding0", "mode=2", "xmit_policy=l34"} // mode 2 sends by that policy
	for _, b := range n.backends {
		if err := errors.Join(b.ns.ip("link set lb address "+backendMAC), n.lb.ip("neighbour flush dev "+b.nic)); err != nil {
			return err
		}
		devices = append(devices, fmt.Sprintf("--vdev=net_af_packet%d,iface=%s", b.number, b.nic))
		bonded = append(bonded, fmt.Sprintf("slave=net_af_packet%d", b.number))
	}
	// The kernel sees these packets, too, and must leave them alone.
	err = n.lb.nft(fmt.Sprintf(`
		table inet lab {
			chain arriving {
				type filter hook prerouting priority -500
				ip daddr %[1]s drop; ip saddr %[1]s drop
				ip6 daddr %[2]s drop; ip6 saddr %[2]s drop
			}
		}`, vip4, vip6))
	if err != nil {
		return err
	}
	// One thread reads commands, and one forwards, on the last processor, all the time. Checksums, which interfaces such as veth leave to the receiver, are
	// computed by its engine "csum".
	words := slices.Concat([]string{
		"dpdk-testpmd", fmt.Sprintf("--lcores=0@0,1@%d", runtime.NumCPU()-1), "--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry", "--file-prefix=" + n.lb.name,
	}, devices, []string{
		strings.Join(bonded, ","), "--", "-i", "--forward-mode=csum", "--total-num-mbufs=20000", fmt.Sprintf("--portlist=0,%d", bond(n)),
		fmt.Sprintf("--eth-peer=%d,%s", bond(n), backendMAC), fmt.Sprintf("--eth-peer=0,%s", client.HardwareAddr),
	})
	if err := d.run(n, words); err != nil {
		return err
	}
	d.inUse = n.backends
	return d.tell("start")
}

func (d *dpdk) run(n *network, words []string) error {
	itsInput, commands, err := os.Pipe()
	if err != nil {
		return err
	}
	output, itsOutput, err := os.Pipe()
	if err != nil {
		return errors.Join(err, itsInput.Close(), commands.Close())
	}
	n.release = append(n.release, func() { _, _ = commands.Close(), output.Close() })
	process, err := n.lb.start(context.Background(), func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout, cmd.Stderr = itsInput, itsOutput, itsOutput }, words...)
	_, _ = itsInput.Close(), itsOutput.Close()
	if err != nil {
		return err
	}
	n.processes, n.files = append(n.processes, process), append(n.files, "/run/dpdk/"+n.lb.name)
	d.commands, d.output = commands, bufio.NewReader(output)
	return nil
}

// tell gives commands to testpmd, which repeats each line when it has done what came before. It takes a line that begins with # for a comment.
func (d *dpdk) tell(commands ...string) error {
	d.told++
	done := fmt.Sprintf("#%d#", d.told)
	if _, err := fmt.Fprintln(d.commands, strings.Join(append(commands, done), "\n")); err != nil {
		return fmt.Errorf("dpdk-testpmd: %w", err)
	}
	var said strings.Builder
	for {
		line, err := d.output.ReadString('\n')
		said.WriteString(line)
		switch {
		case strings.Contains(line, done):
			return nil
		case err != nil:
			return fmt.Errorf("dpdk-testpmd has ended:\n%s", &said)
		}
	}
}
