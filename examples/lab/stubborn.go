//go:build linux

package main

// stubborn is a load balancer that no longer takes up new backends, such as one whose controller hangs. Those that leave are
// taken out.
type stubborn struct {
	balancer
	inUse int
}

func (s *stubborn) use(n *network, backends []*backend) error {
	if len(backends) > s.inUse {
		return nil
	}
	s.inUse = len(backends)
	return s.balancer.use(n, backends)
}
