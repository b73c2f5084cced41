package connect

import (
	"sync"
	"time"
)

// searchObserver shows the steps of a search, each of which is a hold, to the plan's observer as one call.
type searchObserver struct {
	observer Observer
	mu       sync.Mutex // for one call of the observer at a time, and for steps
	steps    []*Held    // grows by add only
	greeting greeting
	stop     chan struct{}
	ended    chan struct{}
}

func observeSearch(plan *Plan) *searchObserver {
	observer := plan.Observer
	if observer == nil {
		observer = unobserved{}
	}
	o := &searchObserver{observer: observer, greeting: newGreeting(len(plan.Targets)), stop: make(chan struct{}), ended: make(chan struct{})}
	go o.run(plan.Monitor)
	return o
}

// end returns when the plan's observer is told nothing more. The steps must have ended before.
func (o *searchObserver) end() {
	close(o.stop)
	<-o.ended
}

func (o *searchObserver) run(interval time.Duration) {
	defer close(o.ended)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	monitor, stopMonitor := tickerOrNever(interval)
	defer stopMonitor()
	for {
		select {
		case <-second.C:
			o.locked(o.observer.Second)
		case <-monitor:
			o.locked(func() { o.observer.Monitor(o.states()) })
		case <-o.stop:
			return
		}
	}
}

func (o *searchObserver) locked(do func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	do()
}

func (o *searchObserver) states() (sum States) {
	for _, h := range o.steps {
		sum = sum.Plus(h.States())
	}
	return sum
}

func (o *searchObserver) add(step *Held) { o.locked(func() { o.steps = append(o.steps, step) }) }

// Outcomes implements Observer for each step.
func (o *searchObserver) Outcomes(batch []Outcome) {
	o.locked(func() {
		if len(o.steps) <= 1 {
			o.greeting.watch(batch)
		}
		o.observer.Outcomes(batch)
	})
}

// greets reports whether the targets send something by themselves.
func (o *searchObserver) greets() (yes bool) {
	o.locked(func() { yes = o.greeting.expected() })
	return yes
}

// Second implements Observer for each step: nothing, as there is one clock for all.
func (o *searchObserver) Second() {}

// Monitor implements Observer for each step: nothing, as there is one clock for all.
func (o *searchObserver) Monitor(States) {}
