package source

import (
	"math"
	"math/bits"
	"net/netip"
)

// Sequence assigns a source to each connection of a call. The zero value leaves both address and port to the operating
// system.
//
// In order, connection i of the whole test, which is Start plus its number within the call, gets address i mod S and
// port (i div S) mod P. At random, both are functions of Seed and i, so the same seed gives the same sources.
type Sequence struct {
	Pool   *Pool
	Ports  Ports
	Start  uint64
	Random bool
	Seed   uint64
}

// Chosen reports whether connections are bound to a source at all.
func (s *Sequence) Chosen() bool { return s.addresses() > 0 || s.Ports.Count() > 0 }

// Same reports whether another sequence assigns the same sources.
func (s *Sequence) Same(other *Sequence) bool {
	mine, others := *s, *other
	mine.Pool, others.Pool = nil, nil
	if !s.Random && !other.Random { // nobody looks at the seed
		mine.Seed, others.Seed = 0, 0
	}
	return mine == others && (s.Pool == other.Pool || s.Pool != nil && other.Pool != nil && s.Pool.String() == other.Pool.String())
}

// Position returns where in the pool the address of the call's connection number n is.
func (s *Sequence) Position(n uint64) uint64 {
	address, _ := s.draw(n)
	return address % max(s.addresses(), 1)
}

// Share returns the number of the first connection in one of so many equal parts of all sources and ports: what starts there
// meets another part's sources only when it has used up its own.
func (s *Sequence) Share(part, of uint64) uint64 {
	combinations := uint64(math.MaxUint64) // at random, other numbers draw anew
	if !s.Random {
		high, low := bits.Mul64(max(s.addresses(), 1), max(s.Ports.Count(), 1))
		if high == 0 {
			combinations = low
		}
	}
	high, low := bits.Mul64(part%of, combinations)
	first, _ := bits.Div64(high, low, of)
	return first
}

// At returns the source of the call's connection number n. An invalid address or port 0 is the operating system's choice.
func (s *Sequence) At(n uint64) netip.AddrPort {
	address, port := s.draw(n)
	ip := s.addr(address)
	ports := s.Ports.Count()
	if ports == 0 {
		return netip.AddrPortFrom(ip, 0)
	}
	return netip.AddrPortFrom(ip, s.Ports.First+uint16(port%ports)) // #nosec G115 -- the range ends below 65536
}

// Addr returns the address of At.
func (s *Sequence) Addr(n uint64) netip.Addr {
	if !s.Random {
		return s.addr(s.Start + n)
	}
	address, _ := s.draw(n)
	return s.addr(address)
}

func (s *Sequence) addr(place uint64) netip.Addr {
	if s.Pool == nil {
		return netip.Addr{}
	}
	return s.Pool.At(place)
}

// draw returns the places of connection n's address and port, still to be taken modulo their numbers.
func (s *Sequence) draw(n uint64) (address, port uint64) {
	i := s.Start + n
	if s.Random {
		address = mix(s.Seed + mix(i))
		return address, mix(address)
	}
	return i, i / max(s.addresses(), 1)
}

func (s *Sequence) addresses() uint64 {
	if s.Pool == nil {
		return 0
	}
	return s.Pool.Size()
}

// mix is the output function of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
