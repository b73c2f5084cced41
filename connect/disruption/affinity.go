package disruption

import "net/netip"

// Affinity says whether the flows of one source address stay with one host.
type Affinity struct {
	Sources int64 `json:"sources"` // addresses from which at least two connections were answered
	Sticky  int64 `json:"sticky"`  // those of them whose answers all came from one host
	// Share is Sticky / Sources, 0 if there are none. Hashing addresses alone, as for sessions of clients, gives 1.
	Share float64 `json:"share"`
}

// Affinity judges the call's answers.
func (f *Flows) Affinity() Affinity {
	type answers struct {
		host   uint16
		many   bool
		sticky bool
	}
	bySource := map[netip.Addr]answers{}
	for t, host := range f.all() {
		address := t.source.Addr()
		if a, known := bySource[address]; known {
			bySource[address] = answers{host: host, many: true, sticky: a.sticky && a.host == host}
		} else {
			bySource[address] = answers{host: host, sticky: true}
		}
	}
	var a Affinity
	for _, s := range bySource {
		if s.many {
			a.Sources++
			if s.sticky {
				a.Sticky++
			}
		}
	}
	if a.Sources > 0 {
		a.Share = float64(a.Sticky) / float64(a.Sources)
	}
	return a
}
