package connect

import "time"

// Outcome is how one connection ended.
type Outcome struct {
	Number  int64         // of the connection within its call, from 0
	Planned time.Duration // when it was due, since the call's start: durations count from here
	Ended   time.Duration // when it ended, since the call's start

	Class     Class  // why it failed, ClassNone if it did not
	Err       error  // what failed, nil if nothing did
	Connected bool   // whether it was established before it ended
	Host      string // the name that the peer answered with

	Connect        time.Duration // until it was established; with TLS, handshake included
	Reply          time.Duration // from there until the answer
	RTT            time.Duration // the kernel's measure of the handshake's round trip; 0 where it has none
	SYNRetransmits int64
	Sent, Received int64 // bytes of payload
}

// Elapsed is how long the connection took, from the planned instant to its end.
func (o *Outcome) Elapsed() time.Duration { return o.Ended - o.Planned }

// otherHosts stands for all names beyond the first maxHosts.
const (
	otherHosts = "(other)"
	maxHosts   = 10_000
)

// names keeps one copy of each host name. A hostile server could answer with a new name each time, so it keeps only the
// first maxHosts.
type names map[string]string

func (n names) intern(name []byte) string {
	if kept, ok := n[string(name)]; ok {
		return kept
	}
	if len(n) >= maxHosts {
		return otherHosts
	}
	kept := string(name)
	n[kept] = kept
	return kept
}
