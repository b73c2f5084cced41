package disruption

// Model is a way to choose a backend for a flow. It decides how many flows a change has to move.
type Model string

// The models.
const (
	// Maglev is stateless consistent hashing (Eisenbud et al., "Maglev", NSDI 2016; Thaler and Ravishankar, rendezvous hashing,
	// 1998): a flow moves only from a backend that was removed, or to one that was added.
	Maglev Model = "maglev"
	// ECMP is hash-threshold (RFC 2992): each next hop has a region of the hash space, in their order, and a change of their
	// number shifts the borders. Linux's multipath routes do so since 4.4, as do many routers.
	ECMP Model = "ecmp"
	// Resilient is a table of hash buckets that keep their backend, as Linux's resilient nexthop groups since 5.13: only as
	// many change hands as it takes to have everybody's share right again.
	Resilient Model = "resilient"
	// Stateful is connection tracking: what is known stays where it is, as long as that exists.
	Stateful Model = "stateful"
)

// Models are the names of all models.
var Models = []string{string(Maglev), string(ECMP), string(Resilient), string(Stateful)}

// ideal is the part of all flows that the model expects to move.
func (c *Change) ideal() float64 {
	before, after := without(c.Backends, c.Added), without(c.Backends, c.Removed)
	switch c.Model {
	case ECMP:
		return c.shifted(before, after)
	case Resilient:
		return c.resized(before, after)
	case Stateful:
		return c.total(c.Removed) / c.total(before)
	default:
		return c.rehashed()
	}
}

// rehashed is the part that rendezvous hashing over all backends moves: flows whose first choice among all is one that
// was removed or added. With only one of the two, that is the share of those: k/N.
func (c *Change) rehashed() float64 {
	return (c.total(c.Removed) + c.total(c.Added)) / c.total(c.Backends)
}

// resized is the least part that must move so that all have their shares: what those whose share shrinks have to give.
func (c *Change) resized(before, after []string) float64 {
	was, is := c.shares(before), c.shares(after)
	var moved float64
	for name, share := range was {
		moved += max(0, share-is[name])
	}
	return moved
}

func (c *Change) shares(backends []string) map[string]float64 {
	shares, total := make(map[string]float64, len(backends)), c.total(backends)
	for _, name := range backends {
		shares[name] = c.weight(name) / total
	}
	return shares
}

// region is a part of the hash space, which goes from 0 to 1.
type region struct{ from, to float64 }

// shifted is the part of the hash space in which the regions before and after do not belong to the same backend. RFC 2992,
// section 3 has it for one backend: removing one of many moves a half if it is the first or last, a quarter in the middle.
func (c *Change) shifted(before, after []string) float64 {
	was, is := c.regions(before), c.regions(after)
	moved := 1.
	for name, r := range was {
		if s, stays := is[name]; stays {
			moved -= max(0, min(r.to, s.to)-max(r.from, s.from))
		}
	}
	return max(0, moved)
}

func (c *Change) regions(backends []string) map[string]region {
	regions := make(map[string]region, len(backends))
	total, at := c.total(backends), 0.
	for _, name := range backends {
		from := at
		at += c.weight(name)
		regions[name] = region{from / total, at / total}
	}
	return regions
}
