package engine

import "container/heap"

// redials are connections to be made again, in the order of the instants for which that is planned. It is a heap.
type redials []Claim

// first is when the first one is due.
func (r redials) first() int64 {
	if len(r) == 0 {
		return Never
	}
	return r[0].Planned
}

func (r *redials) push(c Claim) { heap.Push((*redialHeap)(r), c) }

func (r *redials) pop() Claim {
	return heap.Pop((*redialHeap)(r)).(Claim) //nolint:forcetypeassert // only claims are pushed
}

type redialHeap []Claim

func (h redialHeap) Len() int           { return len(h) }
func (h redialHeap) Less(i, j int) bool { return h[i].Planned < h[j].Planned }
func (h redialHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *redialHeap) Push(x any) {
	*h = append(*h, x.(Claim)) //nolint:forcetypeassert // only claims are pushed
}

// Pop implements heap.Interface.
func (h *redialHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	*h = (*h)[:last]
	return c
}
