package recording_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// aTraffic is a short call in which a connection is lost and replaced.
func aTraffic() *connect.TrafficResult {
	const ms = time.Millisecond
	return &connect.TrafficResult{
		Network: "tcp", Targets: []string{"10.0.0.1:5003"}, Rate: 100, PacketSize: 1024, Connections: 2, Lost: 1, Lasting: 2, Reconnects: 1,
		FailedConnects: 3, Sent: 300, Received: 298, Dropped: 2, Retransmits: 5, StartTime: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Duration: 3002 * ms, LostByHost: connect.Hosts{"web-1": 1}, LastingByHost: connect.Hosts{"web-2": 2},
		RoundTrip:  stats.Summary{Min: ms, Avg: 2 * ms, Med: 2 * ms, Max: 9 * ms, Dev: ms, P90: 3 * ms, P95: 4 * ms, P99: 5 * ms},
		RoundTrips: []stats.Bucket{{From: ms, To: 2 * ms, Count: 200}, {From: 2 * ms, To: 3 * ms, Count: 98}},
		Errors:     map[connect.Class]int64{connect.ClassReset: 1}, First: map[connect.Class]connect.Failure{connect.ClassReset: {Class: connect.ClassReset, Text: "tcp 10.0.0.1:5003: reset"}},
		Timeout: 9 * time.Second, States: connect.States{Completed: 2, Error: 1}, SYNRetransmits: 3,
		ConnectTime: stats.Summary{Min: ms, Max: 3 * ms}, ErrorTime: stats.Summary{Max: 5 * ms}, RTT: stats.Summary{Avg: ms},
		FirstLoss: new(1500 * ms), LastLoss: new(1500 * ms), Recovered: new(1700 * ms),
		Samples: []connect.TrafficSample{
			{Time: 1000 * ms, Active: 2, New: 2, Sent: 100, Received: 100},
			{Time: 2000 * ms, Active: 2, New: 1, Lost: 1, Sent: 100, Received: 98, Dropped: 2},
			{Time: 3000 * ms, Active: 2, Sent: 100, Received: 100},
		},
		Records: []connect.TrafficRecord{
			{Started: 0, Connected: ms, Ended: 3002 * ms, Sent: 150, Received: 150, Host: "web-2", Local: netip.MustParseAddrPort("10.0.0.9:1234"), Remote: netip.MustParseAddrPort("10.0.0.1:5003")},
			{Started: 0, Connected: ms, Ended: 1500 * ms, Error: connect.ClassReset, Sent: 75, Received: 73, Host: "web-1"},
			{Started: 1600 * ms, Connected: 1700 * ms, Ended: 3002 * ms, Sent: 75, Received: 75, Host: "web-2"},
		},
		BySize: []connect.SizeCount{{Size: 64, Sent: 100, Received: 100}, {Size: 1024, Sent: 200, Received: 198}}, Corrupted: 1, CorruptedByHost: connect.Hosts{"web-2": 1},
		Losses: connect.Losses{
			Needless: 1, Excused: 2, NeedlessByHost: connect.Hosts{"web-1": 1}, ClosedBy: connect.ClosedBy{FIN: 2, RST: 1},
			Outages: []connect.Outage{{From: 1500 * ms, To: new(1700 * ms), Connections: 1, Hosts: []string{"web-1"}}, {From: 2000 * ms, Connections: 2, Hosts: []string{"web-2"}}},
			Changes: []connect.Change{{Text: "restart", Time: -500 * ms, Within: 10_000 * ms, Hosts: []string{"web-2"}}},
		},
		Judged: judged(false),
	}
}

// judged is the part of a result that says whether all is well.
func judged(ok bool) connect.Judged {
	return connect.Judged{OK: ok, Verdicts: []connect.Verdict{{Name: "complete", OK: true, Text: "all begun"}, {Name: "kept", OK: ok, Text: "how many were kept"}}}
}

// inMilliseconds is a result as a script writes it.
func inMilliseconds(t *testing.T, r *connect.TrafficResult) []byte {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(text, &object))
	durations := []string{"duration", "timeout", "first_loss", "last_loss", "recovered", "time", "within", "started", "connected", "ended", "from", "to", "min", "avg", "med", "max", "dev", "p(90)", "p(95)", "p(99)"}
	var scale func(v any)
	scale = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				scale(element)
			}
		case map[string]any:
			for _, name := range durations {
				if ns, ok := v[name].(float64); ok {
					v[name] = ns / 1e6
				}
			}
			for _, member := range v {
				scale(member)
			}
		}
	}
	scale(object)
	text, err = json.Marshal(object)
	require.NoError(t, err)
	return text
}

func TestReadTraffic(t *testing.T) {
	t.Parallel()
	want := aTraffic()
	nanoseconds, err := json.Marshal(want)
	require.NoError(t, err)
	for name, text := range map[string][]byte{"nanoseconds": nanoseconds, "after a byte order mark": append([]byte("\ufeff"), nanoseconds...), "milliseconds": inMilliseconds(t, want)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := recording.Read(bytes.NewReader(text))
			require.NoError(t, err)
			require.Len(t, got.Traffic, 1)
			assert.Equal(t, want, got.Traffic[0])
		})
	}
}

func TestReadReport(t *testing.T) {
	t.Parallel()
	want := &recording.Report{
		Hosts: connect.Hosts{"a": 60, "b": 40}, Connects: 103, FailedConnects: 2, FailedReads: 1, StartTime: time.Unix(1000, 5).UTC(),
		Timeout: time.Minute, Duration: 10 * time.Second, Calls: 2, States: connect.States{Completed: 100, Error: 3},
		Errors: map[connect.Class]int64{connect.ClassTimeout: 2, connect.ClassReset: 1}, First: map[connect.Class]connect.Failure{connect.ClassTimeout: {Class: connect.ClassTimeout, Text: "first"}},
		ConnectTime: recording.Spread{Min: 1, Avg: 2, Max: 3, Dev: 4}, ConnectTimes: []stats.Bucket{{From: 1000, To: 2000, Count: 100}}, SYNRetransmits: 7,
		Balance: balance.Balance{Hosts: 2, MaxShare: 0.6, MinShare: 0.4, Expected: map[string]float64{"a": 0.5, "b": 0.5}},
		Traffic: []*connect.TrafficResult{aTraffic()},
		Disruptions: []recording.Disruption{{
			Verdict: &disruption.Verdict{Model: disruption.Maglev, Flows: 100, Moved: 12, From: map[string]int64{"a": 12}, To: map[string]int64{"b": 12}},
			Judged:  judged(false),
		}},
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	got, err := recording.Read(bytes.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestReadMconnect(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text     string
		duration time.Duration
	}{
		"mconnect": {`{"hosts":{"a":2,"b":1},"connects":4,"failed_connects":1,"failed_reads":0,"start_time":"2024-01-02T03:04:05.6Z","timeout":2004000000,"duration":49000000}`, 49 * time.Millisecond},
		"flood()":  {`{"hosts":{"a":2,"b":1},"connects":4,"failed_connects":1,"failed_reads":0,"start_time":"2024-01-02T03:04:05.6Z","timeout":2004,"duration":49.5}`, 49*time.Millisecond + 500*time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := recording.Read(strings.NewReader(row.text))
			require.NoError(t, err)
			assert.Equal(t, connect.Hosts{"a": 2, "b": 1}, got.Hosts)
			assert.EqualValues(t, 4, got.Connects)
			assert.Equal(t, row.duration, got.Duration)
			assert.Equal(t, 2, got.Balance.Hosts)
		})
	}
}

// mconnect writes lines before its JSON, and who redirects standard error has lines of a log around it.
func TestReadAmongLines(t *testing.T) {
	t.Parallel()
	// What mconnect has written to standard output about a server that closes every third connection.
	const output = "Read err: EOF\nRead err: EOF\nRead err: EOF\nRead err: EOF\n" +
		`{"hosts":{"web-1":8},"connects":12,"failed_connects":0,"failed_reads":4,"start_time":"2026-11-28T22:09:45.788995339Z","timeout":2012000000,"duration":4720072}` + "\n"
	for name, text := range map[string]string{
		"mconnect's own":           output,
		"with returns":             strings.ReplaceAll(output, "\n", "\r\n"),
		"after a byte order mark":  "\ufeff" + output,
		"and lines of JSON":        `{"level":"info","msg":"{\"connects\":1}"}` + "\n" + output + `{"level":"info"}` + "\n",
		"and lines after it":       output + "exit status 1\n",
		"and what looks like JSON": "{\n{ no\n{\"connects\":\n" + output,
		"formatted":                strings.NewReplacer(":{", ": {\n", ",", ",\n  ").Replace(output),
		"indented":                 strings.ReplaceAll(output, "{\"hosts", "  \t{\"hosts"),
	} {
		got, err := recording.Read(strings.NewReader(text))
		require.NoError(t, err, name)
		assert.Equal(t, connect.Hosts{"web-1": 8}, got.Hosts, name)
		assert.EqualValues(t, 12, got.Connects, name)
		assert.EqualValues(t, 4, got.FailedReads, name)
		assert.Equal(t, 4720072*time.Nanosecond, got.Duration, name)
	}
	for name, row := range map[string]struct{ text, says string }{
		"two of them":       {output + output, "no recording, but several"},
		"lines alone":       {"Read err: EOF\nRead err: EOF\n", "no recording: at byte 1"},
		"other JSON":        {"a line\n{\"a\":1}\n", "no recording: at byte 1"},
		"a terminal's line": {"\x1b[2J\n", "no recording: at byte 1"},
		"no end":            {strings.Repeat("{\"connects\":[\n", 300_000), "no recording: "},
	} {
		_, err := recording.Read(strings.NewReader(row.text))
		require.Error(t, err, name)
		assert.ErrorContains(t, err, row.says, name)
		assert.NotContains(t, err.Error(), "\x1b")
	}
}

// Whatever is wrong with a file, what is shown of it is short, and leaves a terminal alone.
func TestReadShowsLittle(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("ü\u202e\u009b\x7f", 100_000)
	for _, text := range []string{
		`{"` + hostile + `":1}`, `{"connects":"` + hostile + `"}`, `{"connects":1,"hosts":"` + hostile + `"}`,
		`{"calls":1,"start_time":"` + hostile + `"}`, `{"packet_size":1,"samples":"` + hostile + `"}`, `{"calls":1,"balance":{"expected":{"` + hostile + `":2}}}`,
		`{"PacketSize":1,"Duration":1e9,"ConnStats":"` + hostile + `"}`, hostile, "{" + hostile,
	} {
		_, err := recording.Read(strings.NewReader(text))
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 1000)
		assert.True(t, utf8.ValidString(err.Error()))
		assert.False(t, strings.ContainsFunc(err.Error(), func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }), "%q", err)
	}
}

// A file that is no recording is refused with what is wrong with it.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("{},", 200_000) + "{}"
	for name, row := range map[string]struct {
		text string
		says []string
	}{
		"nothing":                 {"", []string{"no recording", "ctraffic -stats all"}},
		"no JSON":                 {"Conn act/fail", []string{"at byte 1", "invalid character"}},
		"cut off":                 {`{"Duration": 1000000000, "PacketSize"`, []string{"at byte", "unexpected end"}},
		"a list":                  {"[1]", []string{"no recording", "array"}},
		"another object":          {`{"b":1,"a":2}`, []string{"an object with a, b"}},
		"an empty object":         {`{}`, []string{"nothing in it"}},
		"without -stats all":      {`{"Started":"2024-01-02T03:04:05Z","Duration":1000000000,"PacketSize":1024,"Sent":5}`, []string{"ctraffic", "neither ConnStats nor Samples", "-stats all"}},
		"no duration":             {`{"PacketSize":1024,"Samples":[{}]}`, []string{"ctraffic", "duration 0 ns"}},
		"a duration of years":     {`{"PacketSize":1024,"Duration":1e18,"Samples":[{}]}`, []string{"ctraffic", "48h0m0s"}},
		"a duration of years, ns": {`{"packet_size":1024,"duration":1e18}`, []string{"traffic()", "48h0m0s"}},
		"a negative count":        {`{"packet_size":1024,"duration":1e9,"lost":-1}`, []string{"got -1", "want a count"}},
		"half a packet":           {`{"packet_size":1024,"duration":1e9,"sent":0.5}`, []string{"got 0.5", "want a count"}},
		"a negative duration":     {`{"packet_size":1024,"duration":-5}`, []string{"got -5", "want a duration"}},
		"hosts that are a list":   {`{"connects":1,"hosts":["a"]}`, []string{`got ["a"]`, "an object of host names"}},
		"samples that are text":   {`{"packet_size":1,"duration":1e9,"samples":"none"}`, []string{`got "none"`, "want a list"}},
		"too many samples":        {`{"packet_size":1,"duration":1e9,"samples":[` + many + `]}`, []string{"more than 200000"}},
		"too many objects":        {`{"packet_size":1,"duration":1e9,"samples":[` + many + `],"records":[` + many + `]}`, []string{"more than 400000 objects"}},
		"too many seconds":        {`{"calls":2,"traffic":[` + strings.Repeat(`{"duration":1.7e14},`, 1000) + `{"duration":1.7e14}]}`, []string{"report()", "48h0m0s together"}},
		"an endless rate":         {`{"packet_size":1,"duration":1e9,"rate":1e308}`, []string{"got 1e308", "0 to 1e+15"}},
		"a share beyond all":      {`{"calls":1,"balance":{"expected":{"a":1.5}}}`, []string{"got 1.5 for a", "from 0 to 1"}},
		"more moved than all":     {`{"calls":1,"disruptions":[{"flows":1,"moved":2}]}`, []string{"2 of 1 flows moved"}},
		"an endless ideal":        {`{"calls":1,"disruptions":[{"flows":1,"ideal_share":1e308}]}`, []string{"1e+308 ideally"}},
		"too many connections":    {`{"PacketSize":1,"Duration":1e9,"ConnStats":[` + many[:3*100_001-1] + `]}`, []string{"100001 connections", "100000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := recording.Read(strings.NewReader(row.text))
			require.Error(t, err)
			for _, part := range row.says {
				assert.ErrorContains(t, err, part)
			}
		})
	}
}

// A peer chooses its texts, which may have control sequences for a terminal.
func TestReadKeepsTextsPrintable(t *testing.T) {
	t.Parallel()
	esc := `\u001b[2J`
	got, err := recording.Read(strings.NewReader(`{"calls":1,"hosts":{"` + esc + `":1},"first_errors":{"reset":"` + esc + `"},
		"traffic":[{"duration":1e9,"network":"` + esc + `","targets":["` + esc + `"],"lost_by_host":{"` + esc + `":1},"records":[{"host":"` + esc + `"}]}],
		"disruptions":[{"model":"` + esc + `","removed":["` + esc + `"],"from":{"` + esc + `":1}}]}`))
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.Equal(t, 9, strings.Count(string(text), `\\x1b[2J`), "%s", text)
	assert.NotContains(t, string(text), `\u001b`)
}

// Whoever answered decides over the names, so there are at most as many as a result has.
func TestReadKeepsFewNames(t *testing.T) {
	t.Parallel()
	hosts := map[string]int{strings.Repeat("x", 1000): 1, "": 1}
	for i := range 20_000 {
		hosts[fmt.Sprint(i)] = 1
	}
	text, err := json.Marshal(map[string]any{"connects": 20_002, "hosts": hosts})
	require.NoError(t, err)
	got, err := recording.Read(bytes.NewReader(text))
	require.NoError(t, err)
	assert.Len(t, got.Hosts, 10_001)
	for name := range got.Hosts {
		assert.LessOrEqual(t, len(name), 255+len("…"))
		assert.NotEmpty(t, name)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"Duration":3e9,"PacketSize":9,"Sent":9,"ConnStats":[{"Connect":9,"Ended":2e9,"Err":"EOF"}],"Samples":[{"Time":1e9,"Sent":5}]}`))
	f.Add([]byte(`{"packet_size":9,"duration":2000,"samples":[{"time":1000,"sent":5}],"records":[{"ended":9,"error":"reset"}],"first_loss":1}`))
	f.Add([]byte(`{"hosts":{"a":2,"b":1},"connects":4,"timeout":2004,"duration":49.5,"calls":1,"disruptions":[{"from":{"a":1}}],"traffic":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := recording.Read(bytes.NewReader(text))
		if err != nil || len(r.Traffic) > 0 && r.Traffic[0].Duration > time.Minute { // long ones take long to write
			return
		}
		var out bytes.Buffer
		require.NoError(t, recording.WriteText(&out, r))
		again, err := json.Marshal(r)
		require.NoError(t, err)
		_, err = recording.Read(bytes.NewReader(again))
		require.NoError(t, err, "what it writes, it reads")
	})
}
