package connect

// otherHosts stands for all names beyond the first maxHosts.
const (
	otherHosts = "(other)"
	maxHosts   = 10_000
)

// Hosts counts answers by host name. It keeps at most 10,000 different names; Add counts the rest under "(other)".
type Hosts map[string]int64

// Add counts n answers of a host.
func (h Hosts) Add(name string, n int64) {
	names := len(h)
	if _, hasOther := h[otherHosts]; hasOther {
		names--
	}
	if _, known := h[name]; !known && names >= maxHosts {
		name = otherHosts
	}
	h[name] += n
}

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
