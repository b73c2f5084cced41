package disruption

import "net/netip"

// Affinity says whether the connections of one source address to one target stay with one host.
type Affinity struct {
	Sources int64 `json:"sources"` // addresses from which at least two connections to the same target were answered
	Sticky  int64 `json:"sticky"`  // those of them whose answers all came from one host
	// Share is Sticky / Sources, 0 if there are none: 1 if the load balancer chooses by address, as session affinity asks for.
	Share float64 `json:"share"`
}

// Affinity judges the call's answers.
func (f *Flows) Affinity() Affinity {
	type client struct {
		source netip.Addr
		target netip.AddrPort
	}
	type answers struct {
		host   uint16
		many   bool
		sticky bool
	}
	clients := map[client]answers{}
	for t, host := range f.all() {
		c := client{t.source.Addr(), t.target}
		if a, known := clients[c]; known {
			clients[c] = answers{host: host, many: true, sticky: a.sticky && a.host == host}
		} else {
			clients[c] = answers{host: host, sticky: true}
		}
	}
	var a Affinity
	for _, s := range clients {
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
