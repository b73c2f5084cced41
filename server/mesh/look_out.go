package mesh

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// lookOuts is how many delays pass from one look for a peer that was given up to the next.
const lookOuts = 10

// lookOut takes back a peer of the flags that was given up for its failures, when it answers again: nobody else may know of it.
func (m *Mesh) lookOut(t Target) {
	full := t
	if err := full.complete(&m.options); err != nil {
		return // nor was it added
	}
	ticker := time.NewTicker(lookOuts * full.Delay)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-m.ctx.Done():
			return
		}
		if !m.list.hasFailed(t.key()) || !m.answers(full) || !m.list.hasFailed(t.key()) { // it may have been deleted meanwhile
			continue
		}
		if err := m.add(m.ctx, newcomer{Target: t, from: asked}); err != nil && !isKnown(err) {
			m.options.Log.Warn("Peer answers again, but is not taken back", "url", t.URL, "error", err)
			continue
		}
		m.options.Log.Info("Peer answers again, and is taken back", "url", t.URL)
	}
}

// answers reports whether a ping that is told to nobody is answered.
func (m *Mesh) answers(t Target) bool {
	r, err := ping.Do(m.ctx, m.plan(newPeer(newcomer{Target: t}, t)))
	return err == nil && !r.Failed()
}
