//go:build linux

package main

import "fmt"

// netem makes the way from the load balancer to the client worse, in the words of the kernel's network emulator (man tc-netem). "" ends that.
func (n *network) netem(what string) error {
	if what == "" {
		_ = n.lb.run("", "tc", "qdisc", "del", "dev", "client", "root") // there may be none
		return nil
	}
	// Its queue holds 1,000 packets by default, and drops what more there are to delay.
	return n.lb.run("qdisc replace dev client root netem limit 100000 "+what, "tc", "-batch", "-")
}

// noNetem says why this kernel can't do that, "" if it can.
func (n *network) noNetem() string {
	if missing := noTool("tc", "install iproute2 (`make test-deps` does)"); missing != "" {
		return missing
	}
	if err := n.netem("delay 1ms"); err != nil {
		return fmt.Sprintf("this kernel has no netem (CONFIG_NET_SCH_NETEM): with -vm, the lab runs on one that has: %v", err)
	}
	return ""
}
