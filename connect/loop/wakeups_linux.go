package loop

// wakeups is a heap of the handlers that wait for a time, soonest first.
type wakeups []*Attachment

func (w wakeups) first() int64 {
	if len(w) == 0 {
		return Never
	}
	return w[0].wake
}

func (w wakeups) Len() int           { return len(w) }
func (w wakeups) Less(i, j int) bool { return w[i].wake < w[j].wake }

func (w wakeups) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push implements heap.Interface.
func (w *wakeups) Push(x any) {
	a := x.(*Attachment) //nolint:forcetypeassert // only Attachments are pushed
	a.index = len(*w)
	*w = append(*w, a)
}

// Pop implements heap.Interface.
func (w *wakeups) Pop() any {
	last := len(*w) - 1
	a := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	a.index = -1
	return a
}
