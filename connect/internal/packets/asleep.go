package packets

import (
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
)

// asleep is a block of connections at rest: 13 bytes for each of them, which has 40 awake.
type asleep struct {
	rests   [blocks.Size]tcp.Rest // without a port, if there is no connection
	windows [blocks.Size]uint8    // of their peers, in windows
}

// windows are those of the peers of connections that are asleep, or were.
type windows []tcp.Window

// find returns the index of a window; ok is false if it is one too many.
func (w *windows) find(one tcp.Window) (at uint8, ok bool) {
	if i := slices.Index(*w, one); i >= 0 {
		return uint8(i), true // #nosec G115 -- it fits
	}
	if len(*w) > math.MaxUint8 {
		return 0, false
	}
	*w = append(*w, one)
	return uint8(len(*w) - 1), true // #nosec G115 -- it fits
}

// sleep implements blocks.Kind. A connection's entry in alarms is lost: it comes for nothing.
func (w *windows) sleep(awake *blocks.Awake[conn], a *asleep) (used, ok bool) {
	for i := range awake {
		c := &awake[i]
		switch {
		case c.marks&^armed != 0:
			return false, false
		case c.port == 0:
			a.rests[i] = tcp.Rest{}
			continue
		case !c.Rests():
			return false, false
		}
		if a.windows[i], ok = w.find(c.Window()); !ok {
			return false, false
		}
		a.rests[i], used = c.Rest(c.port), true
	}
	return used, true
}

// wake implements blocks.Kind.
func (w *windows) wake(a *asleep, awake *blocks.Awake[conn]) {
	for i := range awake {
		awake[i] = w.wakened(a, uint32(i)) // #nosec G115 -- it fits
	}
}

func (w *windows) wakened(a *asleep, i uint32) conn {
	r := &a.rests[i]
	if r.Port == 0 {
		return conn{}
	}
	return conn{Conn: r.Conn((*w)[a.windows[i]]), port: r.Port}
}
