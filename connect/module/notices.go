package module

import "sync"

// notices remembers what the log has explained: the first failure of a class is worth reading, the thousandth is not.
type notices struct {
	mu   sync.Mutex
	told map[string]bool
}

// first reports whether this has not been explained yet.
func (n *notices) first(topic string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told[topic] {
		return false
	}
	if n.told == nil {
		n.told = map[string]bool{}
	}
	n.told[topic] = true
	return true
}
