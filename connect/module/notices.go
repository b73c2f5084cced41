package module

import (
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// notices remembers which classes of failure the log has explained: the first of each kind is worth reading, the
// thousandth is not.
type notices struct {
	mu   sync.Mutex
	told map[connect.Class]bool
}

// first reports whether this class has not been explained yet.
func (n *notices) first(class connect.Class) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told[class] {
		return false
	}
	if n.told == nil {
		n.told = map[connect.Class]bool{}
	}
	n.told[class] = true
	return true
}
