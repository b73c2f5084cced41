package frames

// Split deals the queues of a device out to at most n users, of which each gets some as one queue.
func Split(d Device, n int) []Queue {
	queues := d.Queues()
	users := make([]Queue, min(n, len(queues)))
	for i := range users {
		var mine joined
		for at := i; at < len(queues); at += len(users) {
			mine = append(mine, queues[at])
		}
		if users[i] = mine; len(mine) == 1 {
			users[i] = mine[0]
		}
	}
	return users
}

// joined are queues as one, which sends on the first.
type joined []Queue

// Buffer implements Queue.
func (j joined) Buffer() []byte { return j[0].Buffer() }

// Commit implements Queue.
func (j joined) Commit(n int) { j[0].Commit(n) }

// Flush implements Queue.
func (j joined) Flush() { j[0].Flush() }

// Pending implements Queue.
func (j joined) Pending() bool { return j[0].Pending() }

// Receive implements Queue.
func (j joined) Receive(take func(frame []byte)) (n int) {
	for _, q := range j {
		n += q.Receive(take)
	}
	return n
}

// Descriptors implements Queue.
func (j joined) Descriptors() (fds []int) {
	for _, q := range j {
		fds = append(fds, q.Descriptors()...)
	}
	return fds
}
