package module

// k6's events of these names; their type is internal to k6.
const (
	testEnd      = 3
	iterationEnd = 5
)

// delayEnd makes k6 wait, at the end of the iteration and at the end of the test, until release is called. k6 waits by itself
// for promises that it knows of, but not for connections that outlive theirs, and not in setup(); and a sample that comes
// after the test's end finds k6's channel closed. To be called on the VU's goroutine, and release once.
func (i *instance) delayEnd() (release func()) {
	local, global := i.vu.Events().Local, i.vu.Events().Global
	iteration, iterationEnds := local.Subscribe(iterationEnd)
	test, testEnds := global.Subscribe(testEnd)
	return func() {
		local.Unsubscribe(iteration)
		for event := range iterationEnds { // those that have come, and that k6 waits for
			event.Done()
		}
		global.Unsubscribe(test)
		for event := range testEnds {
			event.Done()
		}
	}
}
