package program

import (
	"log/slog"
	"net/netip"
	"sync"
)

// mostSources bounds the memory that sources take, at about 100 bytes each.
const mostSources = 1_000_000

// sources counts how often each source address came.
type sources struct {
	mu    sync.Mutex
	most  int
	count map[netip.Addr]int64
	rest  int64 // came from addresses beyond most
}

func newSources(most int) *sources {
	return &sources{most: most, count: map[netip.Addr]int64{}}
}

func (s *sources) tcp(client netip.AddrPort) { s.add(client.Addr()) }
func (s *sources) udp(client netip.AddrPort) { s.add(client.Addr()) }

func (s *sources) add(source netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.count[source]
	if !known && len(s.count) >= s.most {
		s.rest++
		return
	}
	s.count[source] = n + 1
}

// LogValue implements slog.LogValuer: how many addresses, and how often the rarest and the most frequent came.
func (s *sources) LogValue() slog.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lowest, highest int64
	for _, n := range s.count {
		if lowest == 0 || n < lowest {
			lowest = n
		}
		highest = max(highest, n)
	}
	return slog.GroupValue(
		slog.Int("different", len(s.count)), slog.Int64("min", lowest), slog.Int64("max", highest),
		slog.Int64("beyond_limit", s.rest),
	)
}
