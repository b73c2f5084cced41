package tcp

// seq compares sequence numbers, which wrap (RFC 9293, section 3.4).
type seq uint32

func (a seq) before(b seq) bool { return int32(a-b) < 0 } // #nosec G115 -- a difference modulo 2^32, as the RFC has it

// within reports whether a is one of the n numbers from b on.
func (a seq) within(b seq, n uint32) bool { return uint32(a-b) < n }
