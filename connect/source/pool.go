// Package source says which local address and port each connection comes from.
//
// A [Pool] is the set of addresses, in the grammar of k6's --local-ips; a [Sequence] assigns its addresses, and source
// ports if wanted, to the connections of a call.
package source

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"sort"
	"strings"
)

// Pool is an ordered set of addresses of one family. The zero value is empty.
type Pool struct {
	blocks []block
	size   uint64
	text   string
}

type block struct {
	first netip.Addr
	start uint64 // position of first in the pool
	count uint64
}

const accepted = "want an address, a CIDR, a range such as 10.0.0.5-10.0.0.20, or a comma list of these, all of one family"

// ParsePool reads a comma list of addresses, CIDRs and ranges (a-b). As in k6, an IPv4 network of more than two
// addresses leaves out its first and last one (network and broadcast), so a /24 has 254. Networks of 2^64 addresses or
// more count as 2^64-1.
func ParsePool(text string) (*Pool, error) {
	pool := &Pool{text: text}
	for item := range strings.SplitSeq(text, ",") {
		if err := pool.add(strings.TrimSpace(item)); err != nil {
			return nil, fmt.Errorf("%w; %s", err, accepted)
		}
	}
	return pool, nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func (p *Pool) add(item string) error {
	b, err := parseBlock(item)
	if err != nil {
		return err
	}
	if b.first.IsMulticast() || b.first == broadcast {
		return fmt.Errorf("no connection can come from %s, a multicast or broadcast address", b.first)
	}
	if len(p.blocks) > 0 && p.Is4() != b.first.Is4() {
		return fmt.Errorf("IPv4 and IPv6 mixed (%s is IPv%d)", b.first, family(b.first))
	}
	b.start = p.size
	p.blocks = append(p.blocks, b)
	p.size = addSaturating(p.size, b.count)
	return nil
}

func parseBlock(item string) (block, error) {
	if first, last, isRange := strings.Cut(item, "-"); isRange {
		return parseRange(strings.TrimSpace(first), strings.TrimSpace(last))
	}
	if strings.Contains(item, "/") {
		return parseCIDR(item)
	}
	addr, err := parseAddr(item)
	return block{first: addr, count: 1}, err
}

func parseAddr(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address", s)
	}
	return addr.Unmap(), nil
}

func parseRange(from, to string) (block, error) {
	first, err := parseAddr(from)
	if err != nil {
		return block{}, err
	}
	last, err := parseAddr(to)
	if err != nil {
		return block{}, err
	}
	if first.Is4() != last.Is4() {
		return block{}, fmt.Errorf("a range from IPv%d to IPv%d", family(first), family(last))
	}
	if last.Less(first) {
		return block{}, fmt.Errorf("the range ends (%s) before it begins (%s)", last, first)
	}
	return block{first: first, count: distance(first, last)}, nil
}

func parseCIDR(item string) (block, error) {
	prefix, err := netip.ParsePrefix(item)
	if err != nil {
		return block{}, fmt.Errorf("%q is not a CIDR", item)
	}
	first := prefix.Masked().Addr()
	hostBits := first.BitLen() - prefix.Bits()
	if hostBits >= 64 {
		return block{first: first, count: math.MaxUint64}, nil
	}
	count := uint64(1) << hostBits
	if first.Is4() && count > 2 {
		return block{first: first.Next(), count: count - 2}, nil
	}
	return block{first: first, count: count}, nil
}

// Size is the number of addresses; 2^64-1 stands for that many or more.
func (p *Pool) Size() uint64 { return p.size }

// Is4 tells whether the addresses are IPv4.
func (p *Pool) Is4() bool { return len(p.blocks) > 0 && p.blocks[0].first.Is4() }

// String is the text that the pool was made from.
func (p *Pool) String() string { return p.text }

// At returns the address at position i, counted around: At(Size()) is At(0) again. An empty pool has no addresses.
func (p *Pool) At(i uint64) netip.Addr {
	if p.size == 0 {
		return netip.Addr{}
	}
	i %= p.size
	if len(p.blocks) == 1 {
		return offset(p.blocks[0].first, i)
	}
	at := sort.Search(len(p.blocks), func(k int) bool { return p.blocks[k].start > i }) - 1
	return offset(p.blocks[at].first, i-p.blocks[at].start)
}

// Prefixes returns the fewest prefixes that have these addresses, and no others, in the order of the pool's items.
func (p *Pool) Prefixes() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, b := range p.blocks {
		for at, left := b.first.WithZone(""), b.count; left > 0; {
			size := min(bits.TrailingZeros64(low(at)), bits.Len64(left)-1)
			prefixes = append(prefixes, netip.PrefixFrom(at, at.BitLen()-size))
			left -= 1 << size
			at = offset(at, 1<<size)
		}
	}
	return prefixes
}

// Within counts the addresses that are in a network.
func (p *Pool) Within(network netip.Prefix) uint64 {
	within := uint64(0)
	for _, prefix := range p.Prefixes() {
		switch {
		case !prefix.Overlaps(network):
		case network.Bits() <= prefix.Bits():
			within = addSaturating(within, sizeOf(prefix))
		default:
			within = addSaturating(within, sizeOf(network))
		}
	}
	return within
}

// sizeOf counts a network's addresses, up to the largest number there is.
func sizeOf(network netip.Prefix) uint64 {
	free := network.Addr().BitLen() - network.Bits()
	if free >= 64 {
		return math.MaxUint64
	}
	return 1 << free
}

// low is the last 64 bits of an address, and 0 before IPv4.
func low(addr netip.Addr) uint64 {
	if addr.Is4() {
		b := addr.As4()
		return uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return binary.BigEndian.Uint64(b[8:])
}

func offset(addr netip.Addr, by uint64) netip.Addr {
	if addr.Is4() {
		b := addr.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(by)) // #nosec G115 -- a block ends within its family
		return netip.AddrFrom4(b)
	}
	b := addr.As16()
	low, carry := bits.Add64(binary.BigEndian.Uint64(b[8:]), by, 0)
	binary.BigEndian.PutUint64(b[8:], low)
	binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])+carry)
	return netip.AddrFrom16(b).WithZone(addr.Zone())
}

// distance counts the addresses from first to last, both included.
func distance(first, last netip.Addr) uint64 {
	a, b := first.As16(), last.As16()
	low, borrow := bits.Sub64(binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(a[8:]), 0)
	high, _ := bits.Sub64(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(a[:8]), borrow)
	if high > 0 {
		return math.MaxUint64
	}
	return addSaturating(low, 1)
}

func addSaturating(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry > 0 {
		return math.MaxUint64
	}
	return sum
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}
