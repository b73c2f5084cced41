package epoll

import (
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// Loops are the event loops that calls share. They run while somebody uses them. The zero value is ready to use.
type Loops struct {
	mu      sync.Mutex
	users   int
	running []*loop.Loop
	turn    int
	ports   *ephemeral // as the kernel had them when the loops were started
}

// acquire returns up to n loops, others each time, so that small calls spread over all of them. It starts them if they do
// not run yet. Each successful call needs a release.
func (ls *Loops) acquire(n int) ([]*loop.Loop, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.users == 0 {
		if err := ls.startAll(); err != nil {
			ls.stopAll()
			return nil, err
		}
	}
	ls.users++
	some := make([]*loop.Loop, min(n, len(ls.running)))
	for i := range some {
		some[i] = ls.running[ls.turn%len(ls.running)]
		ls.turn++
	}
	return some, nil
}

// release stops the loops when nobody uses them any more.
func (ls *Loops) release() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.users--; ls.users == 0 {
		ls.stopAll()
	}
}

func (ls *Loops) startAll() error {
	ls.ports = newEphemeral()
	for range loop.Count() {
		l, err := loop.Start()
		if err != nil {
			return err
		}
		ls.running = append(ls.running, l)
	}
	return nil
}

func (ls *Loops) stopAll() {
	for _, l := range ls.running {
		l.Stop()
	}
	ls.running = nil
}
