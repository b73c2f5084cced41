package module

import "sync"

// k6's events of these names; their type is internal to k6.
const (
	testEnd      = 3
	iterationEnd = 5
	exit         = 6
)

// delayEnd makes k6 wait, at the end of the iteration and at the end of the test, until release is called. k6 waits by itself
// for promises that it knows of, but not for connections that outlive theirs, and not in setup(); and a sample that comes
// after the test's end finds k6's channel closed. To be called on the VU's goroutine, and release once.
func (i *instance) delayEnd() (release func()) {
	local, global := i.vu.Events().Local, i.vu.Events().Global
	i.iteration.take(func() (end func()) {
		id, events := local.Subscribe(iterationEnd)
		return func() {
			local.Unsubscribe(id)
			for event := range events { // those that have come, and that k6 waits for
				event.Done()
			}
		}
	})
	i.root.test.take(func() (end func()) {
		id, events := global.Subscribe(testEnd)
		return func() {
			global.Unsubscribe(id)
			for event := range events {
				event.Done()
			}
		}
	})
	return func() {
		i.iteration.give()
		i.root.test.give()
	}
}

// atExit lets something be done when k6 is about to exit, after its summary.
func (i *instance) atExit(do func()) {
	id, events := i.vu.Events().Global.Subscribe(exit)
	go func() {
		if event, isOpen := <-events; isOpen {
			do()
			i.vu.Events().Global.Unsubscribe(id) // before Done, after which k6 may tell the next event, and wait for all who are subscribed
			event.Done()
		}
	}()
}

// atTestEnd lets something be done when the test has ended, before k6's summary.
func (i *instance) atTestEnd(do func()) {
	id, events := i.vu.Events().Global.Subscribe(testEnd)
	go func() {
		if event, isOpen := <-events; isOpen {
			do()
			i.vu.Events().Global.Unsubscribe(id) // before Done, after which k6 may tell the next event, and wait for all who are subscribed
			event.Done()
		}
	}()
}

// delay is a subscription to an event of k6's, which k6 waits for until all who have taken it have given it back. One for all, since k6
// gives up waiting at the end of an iteration that is interrupted, and then has room for 100 subscribers to say that they are done:
// the next one would say so for ever.
type delay struct {
	mu    sync.Mutex
	users int
	end   func()
}

// take subscribes if nobody else has. End unsubscribes.
func (d *delay) take(subscribe func() (end func())) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == 0 {
		d.end = subscribe()
	}
	d.users++
}

func (d *delay) give() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
	if d.users == 0 {
		d.end()
	}
}
