package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// gate counts the clients inside, lets no more in than there is room for, and tells when the last one has left.
type gate struct {
	room     int64
	inside   atomic.Int64
	draining atomic.Bool
	empty    chan struct{} // closed when draining and nobody is inside
	once     sync.Once
}

func newGate(room int) *gate { return &gate{room: int64(room), empty: make(chan struct{})} }

// enter takes a place; without room it returns false.
func (g *gate) enter() bool {
	if g.inside.Add(1) <= g.room {
		return true
	}
	g.leave()
	return false
}

// leave gives a place back.
func (g *gate) leave() {
	if g.inside.Add(-1) == 0 && g.draining.Load() {
		g.once.Do(func() { close(g.empty) })
	}
}

// drain makes empty close once nobody is inside. Nobody may enter any more.
func (g *gate) drain() {
	g.draining.Store(true)
	if g.inside.Load() == 0 {
		g.once.Do(func() { close(g.empty) })
	}
}

// seldom lets one of many log lines through, so that hostile clients cannot fill a disk.
type seldom struct{ next atomic.Int64 }

const logEvery = 10 * time.Second

func (s *seldom) ok() bool {
	now := time.Now().UnixNano()
	next := s.next.Load()
	return now >= next && s.next.CompareAndSwap(next, now+int64(logEvery))
}
