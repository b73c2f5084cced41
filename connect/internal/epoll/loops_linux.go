package epoll

import (
	"runtime"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// maxLoops bounds the threads of an engine. One loop makes tens of thousands of connections a second; the kernel's share
// of the work runs on the loop's own thread, so more loops than processors only get in each other's way.
const maxLoops = 8

// loopCount is how many loops an engine has: one for each processor. The first call gives the process as many Ps besides.
//
// A busy loop keeps its P: it makes its system calls past the Go scheduler. With all Ps taken by loops, whoever collects what happens,
// k6's metrics and the garbage collector wait for a loop to be preempted, which takes 10 ms, and then that loop's connections wait for
// them. With Ps for both, the kernel shares the processors among their threads in smaller pieces. This is done once, as it stops the world.
//
// Fewer Ps than processors are somebody's wish (GOMAXPROCS), or a container's quota, which more threads would use up before its period
// is over: both stay as they are.
var loopCount = sync.OnceValue(func() int {
	ps := runtime.GOMAXPROCS(0)
	loops := min(ps, maxLoops)
	if ps == runtime.NumCPU() && ps < 2*loops {
		runtime.GOMAXPROCS(2 * loops)
	}
	return loops
})

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
	for range loopCount() {
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
