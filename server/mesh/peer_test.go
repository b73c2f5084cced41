package mesh

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// A peer that says with each answer that it is another run, elsewhere, has few names in an hour; one that is moved has its new name
// in the end, however soon it was restarted after the last time.
func TestNamesChangeSeldom(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	tell := func(p *peer, at time.Duration, instance, location string) (ours bool) {
		header := http.Header{meshHeader: {instance + " 1"}}
		return p.add(&ping.Result{Start: begun.Add(at), Status: http.StatusOK, Header: header, Location: location}).ours
	}
	hostile := newPeer(newcomer{from: heard}, Target{URL: "http://a/"})
	names, changes := map[string]bool{}, 0
	for second := range 3600 {
		if tell(hostile, time.Duration(second)*time.Second, fmt.Sprint("run", second), fmt.Sprint("place ", second)) {
			changes++
		}
		names[hostile.name()] = true
	}
	assert.Len(t, names, 6)
	assert.Equal(t, 6, changes, "of the list, which is then told and saved")

	moved := newPeer(newcomer{from: asked}, Target{URL: "http://a/"})
	tell(moved, 0, "first", "here")
	tell(moved, time.Minute, "second", "there")
	assert.Equal(t, "here", moved.name())
	tell(moved, 11*time.Minute, "second", "there")
	assert.Equal(t, "there", moved.name(), "though it was not restarted again")
	tell(moved, 30*time.Minute, "second", "elsewhere")
	assert.Equal(t, "there", moved.name(), "only a restart changes it")
	tell(moved, 40*time.Minute, "third", "elsewhere")
	assert.Equal(t, "elsewhere", moved.name())
}
