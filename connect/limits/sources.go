package limits

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// Addresses are the source addresses of a test, in order.
type Addresses interface {
	fmt.Stringer // as the user has named them
	Size() uint64
	At(i uint64) netip.Addr
}

const (
	// maxTried is how many source addresses are looked at. These are all, or the first, the last, and some in between.
	maxTried = 32
	// maxNamed is how many of those that this host lacks are named.
	maxNamed = 3
)

// sourceCheck tells which sources do not belong to this host: nothing can be sent from them over IPv4, and no answer comes to them over IPv6. Those
// of a route of type local belong to it, too (AnyIP).
func sourceCheck(n Need) []Check {
	if n.From == nil || n.From.Size() == 0 {
		return nil
	}
	own, done, ok := ownAddresses()
	if !ok {
		return nil
	}
	defer done()
	tried := min(n.From.Size(), maxTried)
	var foreign []string
	missing := uint64(0)
	for i := range tried {
		if source := n.From.At(spread(i, tried, n.From.Size())); !own(source) {
			missing++
			if len(foreign) < maxNamed {
				foreign = append(foreign, source.String())
			}
		}
	}
	name := "source addresses of this host"
	if tried < n.From.Size() {
		name += fmt.Sprintf(" (%d of %d are tried)", tried, n.From.Size())
	}
	list := strings.Join(foreign, ", ")
	if more := missing - uint64(len(foreign)); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return []Check{check(name, tried-missing, tried, fmt.Sprintf("it lacks %s: ip route add local %s dev lo gives it a whole prefix (AnyIP), and answers must find their way back; "+
		"or use driver 'packets', whose sources need not belong to this host", list, prefixOf(n.From)))}
}

// prefixOf is the prefix that the addresses are, or what stands for one.
func prefixOf(a Addresses) string {
	if prefix, err := netip.ParsePrefix(a.String()); err == nil {
		return prefix.Masked().String()
	}
	return "PREFIX"
}

// spread is the position of the i-th of so many samples among all: the first is the first, and the last the last.
func spread(i, samples, all uint64) uint64 {
	if samples < 2 {
		return 0
	}
	high, low := bits.Mul64(i, all-1)
	at, _ := bits.Div64(high, low, samples-1) // high is less, since i is
	return at
}

// IsOwn reports whether an address belongs to this host, or may, where that is not known.
func IsOwn(a netip.Addr) bool {
	own, done, ok := ownAddresses()
	if !ok {
		return true
	}
	defer done()
	return own(a)
}
