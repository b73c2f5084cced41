package connect

import (
	"container/heap"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// slots orders the flows of a part that are up by when their next packet is due.
type slots struct {
	flows []*loopFlow
}

// first is when the first packet is due.
func (s *slots) first() int64 {
	if len(s.flows) == 0 {
		return loop.Never
	}
	return s.flows[0].slot
}

func (s *slots) add(f *loopFlow) { heap.Push(s, f) }

// moved puts the first flow where it belongs now.
func (s *slots) moved() { heap.Fix(s, 0) }

func (s *slots) remove(f *loopFlow) {
	if f.place >= 0 {
		heap.Remove(s, f.place)
	}
}

func (s *slots) Len() int           { return len(s.flows) }
func (s *slots) Less(i, j int) bool { return s.flows[i].slot < s.flows[j].slot }

func (s *slots) Swap(i, j int) {
	f := s.flows
	f[i], f[j] = f[j], f[i]
	f[i].place, f[j].place = i, j
}

// Push implements heap.Interface.
func (s *slots) Push(x any) {
	f := x.(*loopFlow) //nolint:forcetypeassert // only flows are pushed
	f.place = len(s.flows)
	s.flows = append(s.flows, f)
}

// Pop implements heap.Interface.
func (s *slots) Pop() any {
	last := len(s.flows) - 1
	f := s.flows[last]
	s.flows[last] = nil
	s.flows = s.flows[:last]
	f.place = -1
	return f
}
