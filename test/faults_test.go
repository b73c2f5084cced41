//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// thresholds are the two that a script copies.
func thresholds() object {
	return object{"mconnect_verdict_failed": []string{"rate==0"}, "mconnect_verdicts": []string{"count>0"}}
}

// verdict is one of a result's verdicts.
type verdict struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// judgement is what all results have in common.
type judgement struct {
	OK         bool             `json:"ok"`
	Verdicts   []verdict        `json:"verdicts"`
	Missing    []string         `json:"missing"`
	Unexpected map[string]int64 `json:"unexpected"`
	Needless   int64            `json:"needless"`
	Excused    int64            `json:"excused"`
	NeedlessBy map[string]int64 `json:"needless_by_host"`
	Errors     map[string]int64 `json:"errors"`
	Hosts      map[string]int64 `json:"hosts"`
}

// failed are the names of the verdicts that do not hold.
func (j *judgement) failed() []string {
	names := []string{}
	for _, v := range j.Verdicts {
		if !v.OK {
			names = append(names, v.Name)
		}
	}
	return names
}

// faultTest is a script with the two thresholds that people copy.
type faultTest struct {
	ns      *namespace
	wrapper []string
	flags   []string
	script  object // k6's options besides the thresholds
	args    object
	body    string
}

// start starts it.
func (f faultTest) start(t *testing.T) *holding {
	t.Helper()
	script := object{"thresholds": thresholds()}
	maps.Copy(script, f.script)
	return holdTest{ns: f.ns, wrapper: f.wrapper, flags: f.flags, script: script, args: f.args, body: f.body}.start(t)
}

// passes runs it to its good end: nobody complains.
func (f faultTest) passes(t *testing.T) *held {
	t.Helper()
	h := f.start(t).end(t, exitOK)
	assert.Empty(t, h.logged(verdictLine), "verdicts that failed")
	return h
}

// fails runs it, and wants of it k6's code for thresholds, and, of its last lines, one of each verdict that has these words.
func (f faultTest) fails(t *testing.T, lines map[string][]string) *held {
	t.Helper()
	h := f.start(t).end(t, exitThresholds)
	h.says(t, lines)
	return h
}

// says checks the last lines that k6 has logged: they are those of the verdicts that failed, and of no others.
func (h *held) says(t *testing.T, lines map[string][]string) {
	t.Helper()
	said := h.lastLines()
	require.Len(t, said, len(lines), "the last lines are those of verdicts that failed:\n%s", h.stderr)
	for name, words := range lines {
		var of string
		for _, line := range said {
			if strings.HasPrefix(line, "mconnect: verdict "+name+" failed in ") {
				of = line
			}
		}
		if assert.NotEmpty(t, of, "a line of verdict %s: %q", name, said) {
			for _, word := range words {
				assert.Contains(t, of, word)
			}
		}
	}
}

// lastLines are those on verdicts before the one with which k6 ends: that thresholds were crossed.
func (h *held) lastLines() []string {
	end := len(h.logs) - 1
	if end >= 0 && strings.HasPrefix(h.logs[end].Message, "thresholds on metrics") {
		end--
	}
	var said []string
	for ; end >= 0 && strings.HasPrefix(h.logs[end].Message, "mconnect: verdict "); end-- {
		said = append(said, h.logs[end].Message)
	}
	return said
}

// eventuallyAnswered waits until so many connections in a row were answered by others than a host.
func eventuallyAnswered(t *testing.T, address string, inRow int, but string) {
	t.Helper()
	ask := func() string {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return ""
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		answer := make([]byte, 255)
		n, _ := conn.Read(answer)
		return string(answer[:n])
	}
	require.Eventually(t, func() bool {
		for range inRow {
			if name := ask(); name == "" || name == but {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, "%s does not answer without %q", address, but)
}

// HAProxy takes a dead backend out, and all connections succeed: only who has answered tells that one of four is gone.
func TestFaultDeadBackend(t *testing.T) {
	t.Parallel()
	servers, lines := make([]*companion, 0, 4), make([]string, 0, 4)
	for i := range 4 {
		name := fmt.Sprintf("web-%d", i+1)
		c := startCompanion(t, nil, "127.0.0.1", "-hostname", name)
		servers = append(servers, c)
		lines = append(lines, fmt.Sprintf("server %s %s check inter 100ms fall 2", name, c.address))
	}
	vip := startHAProxy(t, "roundrobin", lines...)
	eventuallyAnswered(t, vip, 8, "nobody")
	script := faultTest{
		args: object{"vip": vip},
		body: `tell('flood', await flood(args.vip, { connections: 2000, expect: { hosts: ['web-1', 'web-2', 'web-3', 'web-4'] } }));`,
	}
	for range 3 {
		healthy := tells[judgement](t, script.passes(t), "flood")
		assert.True(t, healthy.OK)
		assert.Empty(t, healthy.Missing)
	}
	servers[1].signal(syscall.SIGKILL)
	eventuallyAnswered(t, vip, 8, "web-2")
	h := script.fails(t, map[string][]string{"hosts": {"in flood()", "3 of 4 expected hosts answered", "no answer came from web-2", "health check"}})
	r := tells[judgement](t, h, "flood")
	assert.False(t, r.OK)
	assert.Equal(t, []string{"web-2"}, r.Missing)
	assert.Equal(t, []string{"hosts"}, r.failed())
}

// A host that is expected to be out, and a name that nobody expects.
func TestFaultUnexpectedHosts(t *testing.T) {
	t.Parallel()
	targets := make([]string, 0, 3)
	for _, name := range []string{"web-1", "web-2", "stranger"} {
		targets = append(targets, startResponder(t, server.Options{Hostname: name}))
	}
	faultTest{
		args: object{"targets": targets},
		body: `tell('flood', await flood(args.targets, { connections: 30, expect: { hosts: { 'web-1': 2, 'web-2': 0 } } }));`,
	}.fails(t, map[string][]string{"hosts": {"1 of 1 expected host answered", "stranger 10", "web-2 10"}})
}

// A gauge keeps its last value only: what the second of three calls has found must not be forgotten, by gauge or by verdict.
func TestFaultForgotten(t *testing.T) {
	t.Parallel()
	all := make([]string, 0, 3)
	for i := range 3 {
		all = append(all, startResponder(t, server.Options{Hostname: fmt.Sprintf("web-%d", i+1)}))
	}
	body := func(expect string) string {
		return `for (const targets of [args.all, args.all.slice(0, 1), args.all]) {
			tell('flood', await flood(targets, { connections: 300, ` + expect + ` }));
		}`
	}
	for _, test := range []struct {
		name, expect string
		thresholds   object
		lines        map[string][]string
	}{
		{"expected hosts", `expect: { hosts: ['web-1', 'web-2', 'web-3'] }`, thresholds(), map[string][]string{"hosts": {"web-2, web-3"}}},
		{"expected balance", `weights: { 'web-1': 1, 'web-2': 1, 'web-3': 1 }, expect: { balance: true }`, thresholds(), map[string][]string{"balance": {"web-1 300"}}},
		{"gauge of the p-value", `weights: { 'web-1': 1, 'web-2': 1, 'web-3': 1 }`, object{"mconnect_balance_p_value": []string{"value>0.001"}}, nil},
		{"gauge of the largest share", `weights: { 'web-1': 1, 'web-2': 1, 'web-3': 1 }`, object{"mconnect_balance_max_share": []string{"value<0.5"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := faultTest{args: object{"all": all}, body: body(test.expect), script: object{"thresholds": test.thresholds}}
			h := f.start(t).end(t, exitThresholds)
			h.says(t, test.lines)
			assert.Len(t, h.told["flood"], 3)
		})
	}
}

// Gauges that tell what a call has found do not forget it either, when a later call finds better.
func TestFaultForgottenFindings(t *testing.T) {
	t.Parallel()
	full := startResponder(t, server.Options{Hostname: "web-1", MaxConnections: 10})
	roomy := startResponder(t, server.Options{Hostname: "web-2"})
	for _, test := range []struct {
		name, body, metric, threshold string
	}{
		{"capacity", `for (const t of [args.full, args.roomy]) await mconnect.capacity(t, { connections: 40, timeout: '10s' });`, "mconnect_capacity", "value>=40"},
		{"idle", `for (const idleTimeout of ['500ms', '1h']) await mconnect.idle(listen({ idleTimeout }).address, { from: '100ms', to: '1s', connections: 10 });`, "mconnect_idle_timeout", "value>=1000"},
		{"disruption", `const fixed = { connections: 20, source: '127.9.0.1', sourcePorts: '21000-21019', close: 'rst', flows: true, expect: { connected: false } };
			const one = listen({ hostname: 'a' }), both = [one.address, args.roomy], before = await flood(both, fixed);
			await one.close();
			const after = await flood(both, fixed);
			for (const now of [after, before]) mconnect.disruption(before, now, { model: 'stateful' });`, "mconnect_disruption_lost", "value==0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := faultTest{args: object{"full": full, "roomy": roomy}, body: test.body, script: object{"thresholds": object{test.metric: []string{test.threshold}}}}
			f.start(t).end(t, exitThresholds)
		})
	}
}

// Once a script has begun, an exception is never green, whatever the script makes of it.
func TestFaultRan(t *testing.T) {
	t.Parallel()
	target := startResponder(t, server.Options{Hostname: "web-1"})
	for _, test := range []struct{ name, body, call, says string }{
		{"a rejected call", `await flood(args.target, { connections: 'many' });`, "flood", `option \"connections\"`},
		{"a rejected call that is caught", `await flood(args.target, { conections: 1 }).catch(() => {}); await flood(args.target);`, "flood", `conections`},
		{"a rejected call that nobody awaits", `traffic(args.target, { packetSize: 'big' }).catch(() => {}); await flood(args.target);`, "traffic", `packetSize`},
		{"a hold", `await flood(args.target); await hold(args.target, { reply: { match: '+PONG' } });`, "hold", `keepalive`},
		{"a capacity", `await flood(args.target); await capacity(args.target, { connections: 0 });`, "capacity", `connections`},
		{"a call that throws", `await flood(args.target); mconnect.change('', {});`, "change", `text`},
		{"a disruption without flows", `const r = await flood(args.target); mconnect.disruption(r, r, {});`, "disruption", `flows`},
		{"a listen", `await flood(args.target); listen({ port: 1 });`, "listen", `port`},
		{"a ping", `await flood(args.target); await mconnect.ping('ftp://127.0.0.1/');`, "ping", `ftp`},
		{"a tcpPing", `await flood(args.target); await mconnect.tcpPing('127.0.0.1');`, "tcpPing", `127.0.0.1`},
		{"a sockets", `await flood(args.target); await sockets({ port: -1 });`, "sockets", `port`},
		{"the script itself", `const r = await flood(args.target); r.nothing.at.all;`, "", `TypeError`},
		{"the script, later", `flood(args.target).then(() => { throw new Error('mine'); });`, "", `mine`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := faultTest{args: object{"target": target}, body: test.body}.start(t).end(t, exitThresholds)
			where := test.call + "()"
			if test.call == "" {
				where = "an iteration"
			}
			lines := h.logged("mconnect: verdict ran failed in " + where)
			require.Len(t, lines, 1, "%s", h.stderr)
			assert.Contains(t, strings.ReplaceAll(lines[0], `"`, `\"`), test.says)
			assert.Equal(t, lines, h.lastLines())
		})
	}
}

// A test that reaches nothing is never green.
func TestFaultNothingReached(t *testing.T) {
	t.Parallel()
	closed := refusing(t, unix.SOCK_STREAM)
	for call, body := range map[string]string{
		"flood":    `tell('result', await flood(args.target, { connections: 10 }));`,
		"hold":     `const held = await hold(args.target, { connections: 10 }); tell('result', await held.close());`,
		"traffic":  `tell('result', await traffic(args.target, { connections: 10, duration: '300ms' }));`,
		"capacity": `tell('result', await capacity(args.target, { connections: 10 }));`,
		"tcpPing":  `tell('result', await mconnect.tcpPing(args.target));`,
		"ping":     `tell('result', await mconnect.ping('http://' + args.target + '/'));`,
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			h := faultTest{args: object{"target": closed}, body: body}.start(t).end(t, exitThresholds)
			assert.False(t, tells[judgement](t, h, "result").OK)
			assert.Contains(t, strings.Join(h.lastLines(), "\n"), "failed in "+call+"()")
		})
	}
}

// Outputs that can't count a rate's parts have a counter: its sum is the number of failures, and with that of the connects, the share.
func TestFaultCounted(t *testing.T) {
	t.Parallel()
	up := startResponder(t, server.Options{Hostname: "web-1"})
	closed := refusing(t, unix.SOCK_STREAM)
	silent := startPeer(t, nil, swallow).address
	points := t.TempDir() + "/points.json"
	h := faultTest{
		flags: []string{"--out", "json=" + points},
		args:  object{"targets": []string{up, up, up, closed}, "silent": silent},
		body: `
			tell('flood', await flood(args.targets, { connections: 4000, tags: { of: 'flood', phase: 'mine' } }));
			tell('silent', await flood(args.silent, { connections: 20, concurrency: 20, connectTimeout: '300ms', tags: { of: 'silent' } }));
			tell('traffic', await traffic(args.silent, { connections: 5, duration: '600ms', lossTimeout: '300ms', reconnect: false, tags: { of: 'traffic' } }));
			const held = await hold(args.silent, { connections: 7, keepalive: '100ms', tags: { of: 'hold' } });
			await until(() => held.states().error === 7);
			tell('hold', await held.close());
		`,
	}.start(t).end(t, exitThresholds)
	all := readPoints(t, points)
	require.Contains(t, all, "mconnect_failures", "%s", h.stderr)
	assert.Equal(t, map[string]float64{
		"|flood|connect|refused": 1000, "|silent|reply|no_reply": 20, "|traffic|traffic|no_reply": 5, "|hold|held|no_reply": 7,
	}, all["mconnect_failures"].by(true, "of", "phase", "error"))
	assert.Equal(t, "counter default", all["mconnect_failures"].kind+" "+all["mconnect_failures"].contains)
	connects := all["mconnect_connects"].by(true, "of")
	assert.InDelta(t, 4000, connects["|flood"], 0)
	assert.InDelta(t, 0.25, all["mconnect_failures"].by(true, "of")["|flood"]/connects["|flood"], 0)
	assert.Contains(t, last(h, "connected"), "3000 of 4000 connections were established (75 %")
	assert.Contains(t, last(h, "connected"), "1000 refused")
	r := tells[judgement](t, h, "flood")
	assert.EqualValues(t, 1000, r.Errors["refused"])
}

// last is the last line about a verdict.
func last(h *held, name string) string {
	lines := h.logged("mconnect: verdict " + name + " failed")
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// Each verdict of each call is one sample of both metrics, with the names of both.
func TestFaultVerdictsCounted(t *testing.T) {
	t.Parallel()
	up := startResponder(t, server.Options{Hostname: "web-1"})
	closed := refusing(t, unix.SOCK_STREAM)
	points := t.TempDir() + "/points.json"
	h := faultTest{
		flags: []string{"--out", "json=" + points},
		args:  object{"up": up, "closed": closed},
		body: `
			for (const target of [args.up, args.closed, args.up]) {
				tell('flood', await flood(target, { connections: 10, expect: { prompt: false } }));
			}
			tell('tolerant', await flood(args.closed, { connections: 10, expect: { connected: false, answered: 0.5, complete: 0.999 } }));
		`,
	}.start(t).end(t, exitThresholds)
	all := readPoints(t, points)
	want := map[string]float64{"|flood|complete": 4, "|flood|connected": 3, "|flood|answered": 4, "|flood|prompt": 1}
	assert.Equal(t, want, all["mconnect_verdicts"].by(true, "call", "verdict"))
	assert.Equal(t, want, all["mconnect_verdict_failed"].by(false, "call", "verdict"))
	assert.Equal(t, map[string]float64{"|connected": 1}, nonzero(all["mconnect_verdict_failed"].by(true, "verdict")))
	oks := make([]bool, 0, 3)
	for _, text := range h.told["flood"] {
		var r judgement
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		oks = append(oks, r.OK)
	}
	assert.Equal(t, []bool{true, false, true}, oks)
	assert.True(t, tells[judgement](t, h, "tolerant").OK)
}

func nonzero(groups map[string]float64) map[string]float64 {
	for name, n := range groups {
		if n == 0 {
			delete(groups, name)
		}
	}
	return groups
}
