package packets

import (
	"net"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// link is an interface that calls share. A multi-queue one is served by several loops, each of which has an end of it.
type link struct {
	device    frames.Device
	index     int
	own       wire.MAC
	checksums wire.Checksums
	window    uint16 // that connections offer; 0 is a segment
	ends      []*end
	odd       callList // whose connections are all at the first end, and go by no hash
	hashed    callList // all others
	users     int      // guarded by Net
}

// newLink returns a link with as many ends as the interface has queues, and the process loops.
func newLink(device frames.Device, r *route) *link {
	l := &link{device: device, index: r.index, own: r.path.Own, window: 65535}
	if r.virtual { // the kernel at the other end sends several segments in one frame, which has no room for them
		l.checksums, l.window = wire.PartialChecksums, 0
	}
	most := 1
	if len(device.Queues()) > 1 {
		most = loop.Count()
	}
	for i, q := range frames.Split(device, most) {
		l.ends = append(l.ends, newEnd(l, i, q))
	}
	return l
}

// freed is how often a 5-tuple has become free, on whatever end, or will do as soon as somebody wants it.
func (l *link) freed() (n uint64) {
	for _, e := range l.ends {
		n += e.freed.Load()
	}
	return n
}

// callList is written under Net's lock, and read by all loops.
type callList struct{ calls atomic.Pointer[[]*call] }

func (l *callList) all() []*call {
	if calls := l.calls.Load(); calls != nil {
		return *calls
	}
	return nil
}

func (l *callList) add(c *call) {
	calls := append(slices.Clone(l.all()), c)
	l.calls.Store(&calls)
}

func (l *callList) remove(c *call) {
	calls := slices.DeleteFunc(slices.Clone(l.all()), func(other *call) bool { return other == c })
	l.calls.Store(&calls)
}

func nameOf(index int) string {
	if nic, err := net.InterfaceByIndex(index); err == nil {
		return nic.Name
	}
	return strconv.Itoa(index)
}
