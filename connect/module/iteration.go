package module

// iteration tells when an iteration of the VU ends, and makes k6 wait for what has to be done then.
type iteration struct {
	ended  <-chan struct{}
	forget func() // to be called once, when there is nothing left to do at the end
}

// iterationEnd is k6's event of that name; its type is internal to k6.
const iterationEnd = 5

// watchIteration begins to watch the current iteration. In setup() and teardown(), which are none, it watches the context.
func (i *instance) watchIteration() *iteration {
	if inSetup(i.vu.State()) {
		return &iteration{ended: i.vu.Context().Done(), forget: func() {}}
	}
	local := i.vu.Events().Local
	id, events := local.Subscribe(iterationEnd)
	ended, forgotten := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case event, ok := <-events:
			if ok {
				close(ended)
				<-forgotten
				event.Done()
			}
		case <-forgotten:
		}
		local.Unsubscribe(id)
		for event := range events { // that came before: k6 waits until each is done
			event.Done()
		}
	}()
	return &iteration{ended: ended, forget: func() { close(forgotten) }}
}
