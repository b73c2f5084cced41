package loop

// watch is what a descriptor is watched for. Its generation tells events that are still on their way, for a descriptor
// that has been closed, from those of the next one with the same number. Such events happen not only within a turn:
// while this process is being forked, its child has a copy of every descriptor, and closing one here does not take it
// out of the epoll set until the child has closed its own (epoll(7), questions and answers).
type watch struct {
	generation, id, key uint32
}

const watchesPerChunk = 1 << 10

// watches are kept by descriptor, in chunks: growing them copies nothing and leaves no garbage.
type watches []*[watchesPerChunk]watch

// at returns the watch of a descriptor; makeRoom must have been called for it.
func (w watches) at(fd int) *watch { return &w[fd/watchesPerChunk][fd%watchesPerChunk] }

func (w watches) has(fd int) bool { return fd/watchesPerChunk < len(w) }

func (w *watches) makeRoom(fd int) {
	for !w.has(fd) {
		*w = append(*w, new([watchesPerChunk]watch))
	}
}
