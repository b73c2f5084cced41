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
	odd       atomic.Pointer[[]*call] // whose connections are all at the first end, and go by no hash
	users     int                     // guarded by Net
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

// setOdd notes that a call is odd, or, once it has left, that it is not.
func (l *link) setOdd(c *call, odd bool) {
	var calls []*call
	if before := l.odd.Load(); before != nil {
		calls = slices.DeleteFunc(slices.Clone(*before), func(other *call) bool { return other == c })
	}
	if odd {
		calls = append(calls, c)
	}
	l.odd.Store(&calls)
}

func nameOf(index int) string {
	if nic, err := net.InterfaceByIndex(index); err == nil {
		return nic.Name
	}
	return strconv.Itoa(index)
}
