package frames

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// packetRing is where the kernel puts frames (Documentation/networking/packet_mmap.rst in the kernel's source): TPACKET_V2, whose frames are to be had one
// by one. Those of TPACKET_V3 come in blocks, and a block that is not full is closed by a timer only.
type packetRing struct {
	memory []byte
	at     uint32 // the frame to be taken next
}

const (
	packetFrames = receiveFrames
	packetBlock  = 64 << 10
)

func (r *packetRing) open(fd int) (err error) {
	const size = packetFrames * frameSize
	request := unix.TpacketReq{Block_size: packetBlock, Block_nr: size / packetBlock, Frame_size: frameSize, Frame_nr: packetFrames}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("making a ring of AF_PACKET: %w", err)
	}
	if r.memory, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("mapping a ring of AF_PACKET: %w", err)
	}
	return nil
}

func (r *packetRing) close() {
	if r.memory != nil {
		_ = unix.Munmap(r.memory)
		r.memory = nil
	}
}

func (r *packetRing) header(at uint32) *unix.Tpacket2Hdr {
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.memory[at%packetFrames*frameSize])) // #nosec G103 -- the kernel's layout
}

// arrived is how many frames wait to be taken.
func (r *packetRing) arrived() (n int) {
	for n < packetFrames && atomic.LoadUint32(&r.header(r.at+uint32(n)).Status)&unix.TP_STATUS_USER != 0 { // #nosec G115 -- at most packetFrames
		n++
	}
	return n
}

// next returns a frame that has arrived, nil if it has been cut off.
func (r *packetRing) next() (frame []byte, status uint32) {
	h := r.header(r.at)
	if h.Snaplen < h.Len {
		return nil, h.Status
	}
	from := r.at%packetFrames*frameSize + uint32(h.Mac)
	return r.memory[from : from+h.Snaplen : from+h.Snaplen], h.Status
}

// giveBack lets the kernel use that frame again.
func (r *packetRing) giveBack() {
	atomic.StoreUint32(&r.header(r.at).Status, unix.TP_STATUS_KERNEL)
	r.at++
}
