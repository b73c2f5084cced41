package loop

import (
	"runtime"
	"sync"
)

// maxLoops bounds the loops of a driver. One loop makes tens of thousands of connections a second; the kernel's share
// of the work runs on the loop's own thread, so more loops than processors only get in each other's way.
const maxLoops = 8

// Count is how many loops a driver has at most: one for each processor. The first call gives the process as many Ps besides.
//
// A busy loop keeps its P: it makes its system calls past the Go scheduler. With all Ps taken by loops, whoever collects what happens,
// k6's metrics and the garbage collector wait for a loop to be preempted, which takes 10 ms, and then that loop's connections wait for
// them. With Ps for both, the kernel shares the processors among their threads in smaller pieces. This is done once, as it stops the world.
//
// Fewer Ps than processors are somebody's wish (GOMAXPROCS), or a container's quota, which more threads would use up before its period
// is over: both stay as they are.
var Count = sync.OnceValue(func() int {
	ps := runtime.GOMAXPROCS(0)
	loops := min(ps, maxLoops)
	if ps == runtime.NumCPU() && ps < 2*loops {
		runtime.GOMAXPROCS(2 * loops)
	}
	return loops
})
