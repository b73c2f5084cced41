package connect

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"

// Hosts counts answers by host name. It keeps at most 10,000 different names; Add counts the rest under "(other)".
type Hosts map[string]int64

// Add counts n answers of a host.
func (h Hosts) Add(name string, n int64) {
	names := len(h)
	if _, hasOther := h[engine.OtherHosts]; hasOther {
		names--
	}
	if _, known := h[name]; !known && names >= engine.MaxHosts {
		name = engine.OtherHosts
	}
	h[name] += n
}
