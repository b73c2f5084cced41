//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// A name server that is silent costs no call more than its timeout, and every connection is counted. Whether it is our limit that
// ends the look-ups or the resolver's own, which is a multiple of it, is in the message.
func TestSilentNameServer(t *testing.T) {
	ns := newNamespace(t)
	startDNS(t, ns, 0, silence)
	const names = `['a.example:1', 'b.example:1', 'c.example:1']`
	calls := []string{
		`flood(` + names + `, {connections: 9, timeout: '500ms'})`,
		`hold(` + names + `, {connections: 9, timeout: '500ms'}).then((held) => held.close())`,
		`traffic(` + names + `, {connections: 9, timeout: '500ms', duration: '100ms', reconnect: false})`,
		`capacity(` + names + `, {connections: 9, timeout: '500ms'})`,
		`tcpPing('a.example:1', {timeout: '500ms'}).then((r) => ({errors: {[r.error]: 9}, first_errors: {dns: r.error_message}}))`,
	}
	snippets := make([]string, 0, len(calls))
	for _, call := range calls {
		snippets = append(snippets, `console.log('result ' + JSON.stringify(await mconnect.`+call+`))`)
	}
	k := awaitK6(t, startK6(t, ns, resolvingAt(t, "127.0.0.1"), "-e", "SNIPPETS="+asJSON(t, snippets), "test/testdata/reject.js"))
	results := snippetResults(t, k)
	require.Len(t, results, len(snippets), "%s", k.stderr)
	for i, r := range results {
		assert.Equal(t, map[string]int64{"dns": 9}, r.Errors, snippets[i])
		assert.Contains(t, r.FirstErrors["dns"], "no answer within 450ms", snippets[i])
		assert.Contains(t, r.FirstErrors["dns"], "option timeout", snippets[i])
	}
}

// What has an address is dialed in the time that a silent name server leaves.
func TestSilentNameServerAndAddress(t *testing.T) {
	ns := newNamespace(t)
	startDNS(t, ns, 0, silence)
	web := startPeer(t, ns, says("web-1\n"))
	script := fmt.Sprintf(`console.log('result ' + JSON.stringify(await mconnect.flood(['%s', 'a.example:1'], {connections: 10, timeout: '2s'})))`, web.address)
	k := awaitK6(t, startK6(t, ns, resolvingAt(t, "127.0.0.1"), "-e", "SNIPPETS="+asJSON(t, []string{script}), "test/testdata/reject.js"))
	results := snippetResults(t, k)
	require.Len(t, results, 1, "%s", k.stderr)
	assert.Equal(t, map[string]int64{"web-1": 5}, results[0].Hosts)
	assert.Equal(t, map[string]int64{"dns": 5}, results[0].Errors, "%v", results[0].FirstErrors)
}

// Names are looked up at the same time: this server answers none before it has been asked for all.
func TestNamesAreLookedUpTogether(t *testing.T) {
	ns := newNamespace(t)
	var asked askedNames
	all := make(chan struct{})
	startDNS(t, ns, 0, func(query []byte) []byte {
		if asked.add(query) == 3 {
			asked.once.Do(func() { close(all) })
		}
		select {
		case <-all:
			return answerDNS(query)
		case <-t.Context().Done():
			return nil
		}
	})
	web := startPeer(t, ns, says("web-1\n"))
	port := portOf(t, web.address)
	script := fmt.Sprintf(`console.log('result ' + JSON.stringify(await mconnect.flood(['a.example:%s', 'b.example:%[1]s', 'c.example:%[1]s'], {connections: 9, timeout: '1m'})))`, port)
	k := awaitK6(t, startK6(t, ns, resolvingAt(t, "127.0.0.1"), "-e", "SNIPPETS="+asJSON(t, []string{script}), "test/testdata/reject.js"))
	results := snippetResults(t, k)
	require.Len(t, results, 1, "%s", k.stderr)
	assert.Equal(t, map[string]int64{"web-1": 9}, results[0].Hosts, "%v", results[0].FirstErrors)
}

// Ctrl-C ends calls that wait for a name server, before the resolver has asked it a second time.
func TestInterruptedCallsLookUp(t *testing.T) {
	for _, name := range []string{"flood", "hold", "traffic", "capacity"} {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			var asked askedNames
			startDNS(t, ns, 0, func(query []byte) []byte { asked.add(query); return nil })
			script := `console.log('calling'); await mconnect.` + name + `('a.example:1', {timeout: '10m'})`
			p := startK6(t, ns, resolvingAt(t, "127.0.0.1"), "-e", "SNIPPETS="+asJSON(t, []string{script}), "test/testdata/reject.js")
			p.awaitLine(t, "calling")
			p.signal(syscall.SIGINT)
			k := awaitK6(t, p)
			assert.Equal(t, exitAborted, k.code, "%s", k.stderr)
			assert.Empty(t, k.logged("time ("), "nobody's time was up")
			assert.LessOrEqual(t, asked.most(), 1)
		})
	}
}

// askedNames are the questions that a name server was asked.
type askedNames struct {
	once  sync.Once
	mu    sync.Mutex
	times map[string]map[dnsmessage.Type]int
}

// add returns how many different names there have been.
func (a *askedNames) add(query []byte) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	var m dnsmessage.Message
	if m.Unpack(query) == nil && len(m.Questions) == 1 {
		q := m.Questions[0]
		name := strings.ToLower(q.Name.String())
		if a.times == nil {
			a.times = map[string]map[dnsmessage.Type]int{}
		}
		if a.times[name] == nil {
			a.times[name] = map[dnsmessage.Type]int{}
		}
		a.times[name][q.Type]++
	}
	return len(a.times)
}

// most is how often the same question came.
func (a *askedNames) most() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	most := 0
	for _, types := range a.times {
		for _, n := range types {
			most = max(most, n)
		}
	}
	return most
}

// snippetResults are what snippets have logged as results.
func snippetResults(t *testing.T, k *k6) []figures {
	t.Helper()
	var all []figures
	for _, line := range k.logs {
		if text, ok := strings.CutPrefix(line.Message, "result "); ok {
			var f figures
			require.NoError(t, json.Unmarshal([]byte(text), &f), "%s", text)
			all = append(all, f)
		}
	}
	return all
}
