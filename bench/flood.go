package main

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
)

// flood is what every contender is asked to do: connect to the targets in turn, read an answer from each connection,
// and close.
type flood struct {
	Network     string           `json:"network"` // tcp or udp
	Connections int              `json:"connections"`
	Concurrency int              `json:"concurrency"`
	Targets     []netip.AddrPort `json:"targets"`
	Source      string           `json:"source,omitempty"`  // addresses that the engine connects from
	Packets     bool             `json:"packets,omitempty"` // by the packet driver
	Frames      frames.Way       `json:"frames,omitempty"`  // of the packet driver
	Reset       bool             `json:"reset,omitempty"`   // closes with RST
}

const (
	payload  = "Hello" // what UDP sends
	patience = 5 * time.Second
)

// targetCount is 4, and more for floods so long that one target would take too many of the ephemeral ports.
func targetCount(connections int) int {
	const perTarget = 15_000
	return max(4, (connections+perTarget-1)/perTarget)
}

// addresses hands out loopback addresses that no connection has gone to yet, so that no contender meets the TIME_WAIT
// of another one, or of an earlier bench.
type addresses struct {
	next uint32
}

func newAddresses() *addresses {
	const first, last = 127<<24 + 1<<16, 128<<24 - 1<<20      // 127.1.0.0, and where a million addresses are left
	return &addresses{next: first + rand.Uint32N(last-first)} // #nosec G404 -- no secret
}

// take returns the targets of a flood.
func (a *addresses) take(connections int, port uint16) []netip.AddrPort {
	targets := make([]netip.AddrPort, targetCount(connections))
	for i := range targets {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], a.next)
		a.next++
		targets[i] = netip.AddrPortFrom(netip.AddrFrom4(ip), port)
	}
	return targets
}
