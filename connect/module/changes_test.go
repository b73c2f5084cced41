package module_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A change becomes a sample once, whoever announces it.
func TestChangesAreCounted(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	v := p.newVU(t).begin(t, settings{})
	web := startPeer(t, greeting("web-1"))
	control := get[string](t, v, `change('all'); change('of two', {hosts: ['a', 'b']}); change('all'); return listen({http: '127.0.0.1:0'}).http`)
	assert.Equal(t, map[string]float64{"all|": 2, "of two|a,b": 1}, p.taken().by("mconnect_changes", "change", "hosts"))

	from := url.Values{"text": {"from outside"}, "hosts": {"web-1"}}.Encode()
	answer, err := http.Post(control+"/change?"+from, "", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
	get[any](t, v, `return await flood('%s', {connections: 2})`, web)
	get[any](t, v, `return await flood('%s', {connections: 2})`, web)
	assert.Equal(t, map[string]float64{"from outside|web-1": 1}, p.taken().by("mconnect_changes", "change", "hosts"))
	v.end(t)
}

// The last lines of the log tell calls apart: by their target, and by the protocol unless it is TCP.
func TestFailedVerdictsNameTheirCall(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	v := p.newVU(t).begin(t, settings{})
	web := startPeer(t, greeting("web-1"))
	get[any](t, v, `await flood('%[1]s', {expect: {hosts: 'web-2'}}); await mconnect.tcpPing('127.0.0.1:1'); return await flood('%[1]s', {network: 'udp', connectTimeout: '10ms', timeout: '100ms'})`, web)
	v.end(t)
	emit(t, p.global, exit)
	assert.Len(t, p.logged("verdict hosts failed in flood() to "+web+": 0 of 1"), 1)
	assert.Len(t, p.logged("verdict connected failed in tcpPing() to tcp://127.0.0.1:1: "), 1)
	assert.Len(t, p.logged("verdict answered failed in flood() to "+web+" over udp: "), 1)
}

// What hosts are due adds up to the answers, for those that gave none, too.
func TestDueAnswers(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options string
		want    map[string]float64
	}{
		"equal":          {`{connections: 8}`, map[string]float64{"web-1": 4, "web-2": 4}},
		"weights":        {`{connections: 8, expect: {hosts: {'web-1': 3, 'web-2': 1}}}`, map[string]float64{"web-1": 6, "web-2": 2}},
		"one is missing": {`{connections: 8, expect: {hosts: ['web-1', 'web-2', 'web-3', 'web-4']}}`, map[string]float64{"web-1": 2, "web-2": 2, "web-3": 2, "web-4": 2}},
		"one is unknown": {`{connections: 8, expect: {hosts: ['web-1']}}`, map[string]float64{"web-1": 8, "web-2": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t)
			v := p.newVU(t).begin(t, settings{})
			get[any](t, v, `return await flood(['%s', '%s'], `+row.options+`)`, startPeer(t, greeting("web-1")), startPeer(t, greeting("web-2")))
			v.end(t)
			assert.Equal(t, row.want, p.taken().by("mconnect_replies_due", "host"))
		})
	}
}
