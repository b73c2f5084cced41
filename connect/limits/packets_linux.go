package limits

import (
	"errors"
	"io/fs"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// PacketDriver checks what the packet driver needs of this machine, whatever it is used for.
func PacketDriver() []Check {
	const fix = "run as root, or setcap cap_net_raw,cap_net_admin,cap_bpf+ep on the binary; in a container --cap-add"
	checks := make([]Check, 0, 4)
	for _, c := range []struct {
		name string
		bit  uint
	}{{"CAP_NET_RAW", unix.CAP_NET_RAW}, {"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}, {"CAP_BPF", unix.CAP_BPF}} {
		checks = append(checks, presence("capability "+c.name, capability(c.bit), fix))
	}
	return append(checks, frameCheck(hasXDP(), hasTCX))
}

// capability is 1 if this process has it (capabilities(7)).
func capability(bit uint) uint64 {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0
	}
	return uint64(data[bit/32].Effective >> (bit % 32) & 1)
}

// frameCheck is what frames travel by. Without AF_XDP they go over AF_PACKET, which is slower, but nothing is missing.
func frameCheck(xdp uint64, tcx func() bool) Check {
	c := presence("AF_XDP", xdp, "a kernel with CONFIG_XDP_SOCKETS, Linux 5.4 or later; or Linux 6.6, to go over AF_PACKET")
	if xdp == 0 && tcx() {
		c.Needed, c.OK, c.Fix = 0, true, "AF_PACKET, which is slower, is used in its place; a kernel with CONFIG_XDP_SOCKETS has both"
	}
	return c
}

// hasTCX reports whether the kernel knows of tcx filters. Whether one may ask is told by the capabilities.
func hasTCX() bool {
	const loopback = 1 // its index, in every network
	_, err := link.QueryPrograms(link.QueryOptions{Target: loopback, Attach: ebpf.AttachTCXIngress})
	return err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

// hasXDP is 0 if the kernel knows of no such sockets. That one may not make them is told by the capabilities.
func hasXDP() uint64 {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err == unix.EAFNOSUPPORT {
		return 0
	}
	if err == nil {
		_ = unix.Close(fd)
	}
	return 1
}
