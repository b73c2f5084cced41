package frames

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// socketBuffer is how many bytes of frames may be with the interface, and how many of those that do not fit into the ring.
const socketBuffer = 4 << 20

// packetDevice is an interface over AF_PACKET. Its socket sees all that arrives before the kernel does, and takes what the program says. The kernel goes on
// with every packet, as far as the program's second copy, a tcx filter, which drops what the socket has taken.
type packetDevice struct {
	*table
	fd       int
	receives packetRing
	sends    packetQueue
	link     link.Link
	virtual  bool
	large    []byte // a frame that does not fit into the ring
	lost     uint64
}

// socketHook says how many bytes of a packet the socket gets.
func socketHook() hook {
	const none, all = 0, -1
	return hook{ebpf.SocketFilter, true, none, asm.Instructions{asm.Mov.Imm(asm.R0, all), asm.Return()}}
}

// tcxHook drops packets.
func tcxHook() hook {
	const next, drop = -1, 2
	return hook{ebpf.SchedCLS, true, next, asm.Instructions{asm.Mov.Imm(asm.R0, drop), asm.Return()}}
}

// openPacket begins to receive before it drops.
func openPacket(o Options) (_ Device, err error) {
	p := &packetDevice{fd: -1, virtual: o.Virtual, large: make([]byte, 1<<16+ethernet)}
	defer func() {
		if err != nil {
			_ = p.Close()
		}
	}()
	if p.table, err = newTable(o.AnyRemote); err != nil {
		return nil, err
	}
	if err = p.open(); err != nil {
		return nil, err
	}
	if err = p.filter(); err != nil {
		return nil, err
	}
	if err = p.receives.open(p.fd); err != nil {
		return nil, err
	}
	p.sends.open(p.fd)
	if err = unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: allProtocols(), Ifindex: o.Index}); err != nil {
		return nil, fmt.Errorf("binding AF_PACKET: %w", err)
	}
	return p, p.attach(o.Index)
}

// allProtocols are those of the sockets that see packets before tcx filters do.
func allProtocols() uint16 {
	return binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
}

// open makes the socket, which receives nothing until it is bound.
func (p *packetDevice) open() (err error) {
	if p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("making a socket of AF_PACKET: %w", err)
	}
	for _, o := range []struct{ level, option, value int }{
		{unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1},
		{unix.SOL_PACKET, unix.PACKET_COPY_THRESH, 1}, // frames that do not fit into the ring are queued
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer},
	} {
		if err := unix.SetsockoptInt(p.fd, o.level, o.option, o.value); err != nil {
			return fmt.Errorf("setting up AF_PACKET (option %d): %w", o.option, err)
		}
	}
	return nil
}

// filter gives the socket the program, which the socket then holds.
func (p *packetDevice) filter() error {
	program, err := p.load(socketHook())
	if err != nil {
		return fmt.Errorf("loading the socket's filter: %w", err)
	}
	defer func() { _ = program.Close() }()
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program.FD()); err != nil {
		return fmt.Errorf("attaching the socket's filter: %w", err)
	}
	return nil
}

// attach puts the program in front of other filters of the interface, as far as these are there.
func (p *packetDevice) attach(index int) error {
	program, err := p.load(tcxHook())
	if err != nil {
		return fmt.Errorf("loading the tcx filter: %w", err)
	}
	defer func() { _ = program.Close() }() // the link holds it
	if p.link, err = link.AttachTCX(link.TCXOptions{Program: program, Interface: index, Attach: ebpf.AttachTCXIngress, Anchor: link.Head()}); err != nil {
		return fmt.Errorf("attaching the tcx filter: %w", err)
	}
	return nil
}

// Queues implements Device.
func (p *packetDevice) Queues() []Queue { return []Queue{p} }

// Buffer implements Queue.
func (p *packetDevice) Buffer() []byte { return p.sends.buffer() }

// Commit implements Queue.
func (p *packetDevice) Commit(n int) { p.sends.commit(n) }

// Flush implements Queue.
func (p *packetDevice) Flush() { p.sends.flush() }

// Pending implements Queue.
func (p *packetDevice) Pending() bool { return p.sends.queued > 0 }

// Receive implements Queue.
func (p *packetDevice) Receive(take func(frame []byte)) (n int) {
	n = p.receives.arrived()
	for range n {
		frame, status := p.receives.next()
		if status&unix.TP_STATUS_COPY != 0 {
			frame = p.receiveLarge()
		}
		if frame != nil {
			if status&unix.TP_STATUS_CSUMNOTREADY != 0 && !p.virtual {
				wire.CompleteChecksum(frame)
			}
			take(frame)
		}
		p.receives.giveBack()
	}
	return n
}

// receiveLarge takes a frame from the socket's queue: one of several segments, which the kernel has put together or has not yet taken apart.
func (p *packetDevice) receiveLarge() []byte {
	n, _, err := unix.Recvfrom(p.fd, p.large, unix.MSG_DONTWAIT)
	if err != nil {
		return nil
	}
	return p.large[:n]
}

// Descriptors implements Queue.
func (p *packetDevice) Descriptors() []int { return []int{p.fd} }

// Lost implements Device.
func (p *packetDevice) Lost() uint64 {
	if s, err := unix.GetsockoptTpacketStats(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil { // since the last call
		p.lost += uint64(s.Drops)
	}
	return p.lost
}

// Name implements Device.
func (p *packetDevice) Name() string { return "AF_PACKET, tcx filter" }

// Close implements Device. The kernel gets its packets back first.
func (p *packetDevice) Close() (err error) {
	if p.link != nil {
		err = p.link.Close()
	}
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
	}
	p.receives.close()
	if p.table != nil {
		p.close()
	}
	return err
}
