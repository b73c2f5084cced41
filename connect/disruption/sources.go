package disruption

// Sources notes which source addresses were answered by more than one host. The zero value is ready to use.
type Sources struct {
	of map[sourceKey]*sticky
}

type sourceKey struct {
	target   int64
	position uint64 // of the source address
}

type sticky struct {
	host    string
	answers int64
	moved   bool
}

// Add notes an answer: to a connection to a target, from the source at a position among all.
func (a *Sources) Add(target int64, position uint64, host string) {
	if a.of == nil {
		a.of = map[sourceKey]*sticky{}
	}
	key := sourceKey{target, position}
	s := a.of[key]
	if s == nil {
		s = &sticky{host: host}
		a.of[key] = s
	}
	s.answers++
	s.moved = s.moved || s.host != host
}

// Affinity counts the sources that were answered at least twice.
func (a *Sources) Affinity() *Affinity {
	r := &Affinity{}
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
