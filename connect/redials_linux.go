package connect

import (
	"container/heap"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// redials are connections to be made again, in the order of the times for which that is planned. It is a heap.
type redials []claim

// first is when the first one is due.
func (r redials) first() int64 {
	if len(r) == 0 {
		return loop.Never
	}
	return r[0].planned
}

func (r *redials) push(c claim) { heap.Push((*redialHeap)(r), c) }

func (r *redials) pop() claim {
	return heap.Pop((*redialHeap)(r)).(claim) //nolint:forcetypeassert // only claims are pushed
}

type redialHeap []claim

func (h redialHeap) Len() int           { return len(h) }
func (h redialHeap) Less(i, j int) bool { return h[i].planned < h[j].planned }
func (h redialHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *redialHeap) Push(x any) {
	*h = append(*h, x.(claim)) //nolint:forcetypeassert // only claims are pushed
}

// Pop implements heap.Interface.
func (h *redialHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	*h = (*h)[:last]
	return c
}
