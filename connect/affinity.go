package connect

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"

// affinity notes which sources were answered by more than one host.
type affinity struct {
	of map[affinityKey]*sticky
}

type affinityKey struct {
	target   int64
	position uint64 // of the source address
}

type sticky struct {
	host    string
	answers int64
	moved   bool
}

func (a *affinity) add(target int64, position uint64, host string) {
	if a.of == nil {
		a.of = map[affinityKey]*sticky{}
	}
	key := affinityKey{target, position}
	s := a.of[key]
	if s == nil {
		s = &sticky{host: host}
		a.of[key] = s
	}
	s.answers++
	s.moved = s.moved || s.host != host
}

// result counts the sources that were answered at least twice.
func (a *affinity) result() *disruption.Affinity {
	r := &disruption.Affinity{}
	for _, s := range a.of {
		if s.answers < 2 {
			continue
		}
		r.Sources++
		if !s.moved {
			r.Sticky++
		}
	}
	if r.Sources > 0 {
		r.Share = float64(r.Sticky) / float64(r.Sources)
	}
	return r
}
