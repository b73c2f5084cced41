package recording_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// ctrafficFile is the recording of a run whose server is killed after 5 s: connections find out one after another, each when its next
// packet is due, and its successor tries to connect until the end.
func ctrafficFile() string {
	lostBySecond := []int{0, 0, 0, 0, 3, 9, 12, 8, 8}
	var connections []string
	for i := range 40 {
		connections = append(connections, fmt.Sprintf(`{"Started":%d,"Connect":%d,"Ended":%%d,"Err":"EOF","Sent":2,"Received":1,"Host":"vm-00%d"}`, 1000+i, 900_000+i, i%4+1))
	}
	lost := 0
	for second, n := range lostBySecond {
		for range n {
			at := second*int(time.Second) + 400_000_000 + lost
			connections[lost] = fmt.Sprintf(connections[lost], at)
			connections = append(connections, fmt.Sprintf(`{"Started":%d,"Connect":0,"Ended":12000000000,"Err":""}`, at+1000))
			lost++
		}
	}
	return `{"Started":"2019-01-21T08:40:08.293474852Z","Duration":12000000000,"Rate":10,"Connections":40,"PacketSize":1024,"FailedConnections":40,` +
		`"Sent":80,"Received":40,"Dropped":7,"Retransmits":3,"FailedConnects":100,"ConnStats":[` + strings.Join(connections, ",") + `],` +
		`"Samples":[{"Time":1000300000,"Sent":10,"Received":9},{"Time":2000600000,"Sent":20,"Received":18},{"Time":4000000000,"Sent":60,"Received":38,"Dropped":2}]}`
}

// The table is the one that ctraffic's own README shows for such a run.
func TestReadCtraffic(t *testing.T) {
	t.Parallel()
	report, err := recording.Read(strings.NewReader(ctrafficFile()))
	require.NoError(t, err)
	require.Len(t, report.Traffic, 1)
	got := report.Traffic[0]

	rows := make([][4]int64, 0, len(got.Samples))
	var sent, received, dropped int64
	for i, s := range got.Samples {
		assert.Equal(t, time.Duration(i+1)*time.Second, s.Time)
		rows = append(rows, [4]int64{s.Active, s.New, s.Lost, s.Connecting})
		sent, received, dropped = sent+s.Sent, received+s.Received, dropped+s.Dropped
	}
	assert.Equal(t, [][4]int64{
		{40, 40, 0, 0},
		{40, 0, 0, 0},
		{40, 0, 0, 0},
		{40, 0, 0, 0},
		{37, 3, 3, 3},
		{28, 9, 9, 12},
		{16, 12, 12, 24},
		{8, 8, 8, 32},
		{0, 8, 8, 40},
		{0, 0, 0, 40},
		{0, 0, 0, 40},
		{0, 0, 0, 40},
	}, rows)
	assert.Equal(t, []int64{80, 40, 7}, []int64{sent, received, dropped}, "all packets are in some second")
	assert.InDelta(t, 10, got.Samples[0].Sent, 1)
	assert.InDelta(t, 10, got.Samples[1].Sent, 1)

	assert.EqualValues(t, 40, got.Lost)
	assert.Zero(t, got.Lasting, "what never connected does not last")
	assert.Equal(t, connect.Hosts{"vm-001": 10, "vm-002": 10, "vm-003": 10, "vm-004": 10}, got.LostByHost)
	assert.Equal(t, map[connect.Class]int64{connect.ClassClosed: 40}, got.Errors)
	assert.Equal(t, 4400*time.Millisecond, *got.FirstLoss)
	assert.InDelta(t, 8400*time.Millisecond, *got.LastLoss, 100)
	assert.Nil(t, got.Recovered)
	assert.Zero(t, got.Reconnects)
	assert.EqualValues(t, 100, got.FailedConnects)
	assert.EqualValues(t, 3, got.Retransmits)
}

func TestCtrafficRecovers(t *testing.T) {
	t.Parallel()
	const file = `{"Started":"2019-01-21T08:40:08Z","Duration":10000000000,"Rate":10,"Connections":2,"PacketSize":1024,"FailedConnections":%d,"ConnStats":[%s]}`
	const lasting, lost = `{"Started":1,"Connect":1000,"Ended":10000000000}`, `{"Started":1,"Connect":1000,"Ended":4000000000,"Err":"read tcp 10.0.0.1:4000->10.0.0.2:5003: i/o timeout","Remote":"10.0.0.2:5003"}`
	for name, row := range map[string]struct {
		failed     int
		list       []string
		recovered  *time.Duration
		reconnects int64
	}{
		"nothing lost":      {0, []string{lasting, lasting}, nil, 0},
		"one replaced":      {1, []string{lasting, lost, `{"Started":4000000100,"Connect":4300000000,"Ended":10000000000}`}, new(4300 * time.Millisecond), 1},
		"both replaced":     {2, []string{lost, lost, `{"Started":4000000100,"Connect":6000000000,"Ended":10000000000}`, `{"Started":4000000100,"Connect":5000000000,"Ended":10000000000}`}, new(6 * time.Second), 2},
		"one of two":        {2, []string{lost, lost, `{"Started":4000000100,"Connect":6000000000,"Ended":10000000000}`}, nil, 1},
		"one not again":     {1, []string{lasting, lost}, nil, 0},
		"replaced and lost": {2, []string{lasting, `{"Started":1,"Connect":1000,"Ended":3000000000,"Err":"EOF"}`, lost}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := recording.Read(strings.NewReader(fmt.Sprintf(file, row.failed, strings.Join(row.list, ","))))
			require.NoError(t, err)
			got := report.Traffic[0]
			assert.Equal(t, row.recovered, got.Recovered)
			assert.Equal(t, row.reconnects, got.Reconnects)
			assert.EqualValues(t, row.failed, got.Lost)
		})
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	report, err := recording.Read(strings.NewReader(ctrafficFile()))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, recording.WriteText(&out, report))
	for _, line := range []string{
		`Lost +40`, `Lasting +0`, `First loss +4\.4s`, `Recovered +-`, `closed +40`, `vm-001 +10 +0`,
		`Time +Active +New +Failed +Connecting +Throughput +Dropped`, `0\.5 +40 +40 +0 +0 +`, `6\.5 +16 +12 +12 +24 +`,
	} {
		assert.Regexp(t, `(?m)^ *`+line, out.String())
	}
}

// The text has all that ctraffic -stats summary prints, and what its analysis of hosts prints.
func TestWriteTextHasTheSummary(t *testing.T) {
	t.Parallel()
	const summary = `{"Started":"2026-11-28T22:09:39.520276933Z","Duration":2995499708,"Rate":200,"Connections":10,"PacketSize":1024,"FailedConnections":3,"Sent":598,"Received":597,"Dropped":2,"Retransmits":4,"FailedConnects":5`
	const all = summary + `,"ConnStats":[{"Started":429375,"Connect":1226110,"Ended":3000000000,"Err":"","Sent":80,"Received":80,"Dropped":0,"Retransmits":0,"Local":"127.0.0.1:60670","Remote":"127.0.0.1:15003","Host":"vm"},` +
		`{"Started":1,"Connect":2,"Ended":2000000000,"Err":"EOF","Host":"vm"}],"Samples":[{"Time":1000000000,"Sent":200,"Received":200,"Dropped":0}]`
	lines := []string{
		`Start +2026-11-28T22:09:39Z`, `Duration +2\.995s`, `Rate +200\.0 KB/s`, `Packet size +1024`, `Connections +10`, `Failed connections +3`, `Lost +3`,
		`Failed connects +5`, `Packets sent +598`, `Packets received +597`, `Packets dropped +2`, `Retransmits +4`, `Throughput +199\.3 KB/s`,
	}
	for name, row := range map[string]struct {
		text  string
		lines []string
	}{
		"-stats summary": {summary + "}", []string{`Lasting +-`}},
		"after -monitor": {"Conn act/fail/connecting: 10/0/0, Packets send/rec/dropped: 400/399/0\n" + summary + "}\n", []string{`Lasting +-`}},
		"-stats all":     {all + "}", []string{`Lasting +1`, `Lost connections: +1`, `Lasting connections: +1`, `vm +1 +1`, `0\.5 +2 +2 +0 +0 +200\.0`}},
	} {
		report, err := recording.Read(strings.NewReader(row.text))
		require.NoError(t, err, name)
		var out bytes.Buffer
		require.NoError(t, recording.WriteText(&out, report))
		for _, line := range append(lines, row.lines...) {
			assert.Regexp(t, `(?m)^ *`+line, out.String(), name)
		}
		assert.Equal(t, name == "-stats all", strings.Contains(out.String(), "Time  Active"), "%s: %s", name, &out)
	}
}

// Names come from whoever answers: they don't reach a terminal as they are.
func TestTextOfHostileNames(t *testing.T) {
	t.Parallel()
	hostile := aTraffic()
	hostile.LostByHost = connect.Hosts{"\x1b[2J\tevil\nLost 0": 1}
	hostile.Targets = []string{"\x1b]0;title\a"}
	text, err := json.Marshal(hostile)
	require.NoError(t, err)
	report, err := recording.Read(bytes.NewReader(text))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, recording.WriteText(&out, report))
	assert.NotContains(t, out.String(), "\x1b")
	assert.NotContains(t, out.String(), "\a")
	assert.Contains(t, out.String(), `\x1b[2J\tevil\nLost 0`)
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	const s = time.Second
	lost := connect.ClassReset
	for name, row := range map[string]struct {
		duration time.Duration
		records  []connect.TrafficRecord
		want     [][4]int64 // active, new, lost, connecting
	}{
		"nobody":                   {2 * s, nil, [][4]int64{{}, {}}},
		"less than a second":       {s / 4, []connect.TrafficRecord{{Connected: 1, Ended: s / 4}}, [][4]int64{{1, 1, 0, 0}}},
		"a short last second":      {2*s + s/4, []connect.TrafficRecord{{Connected: 1, Ended: 2*s + s/4}}, [][4]int64{{1, 1, 0, 0}, {1, 0, 0, 0}}},
		"more than half a second":  {s + s/2, []connect.TrafficRecord{{Connected: 1, Ended: s + s/2}}, [][4]int64{{1, 1, 0, 0}, {1, 0, 0, 0}}},
		"lost within a second":     {2 * s, []connect.TrafficRecord{{Connected: 1, Ended: s / 2, Error: lost}}, [][4]int64{{0, 0, 1, 0}, {}}},
		"lost at the very end":     {2 * s, []connect.TrafficRecord{{Connected: 1, Ended: 2 * s, Error: lost}}, [][4]int64{{1, 1, 0, 0}, {1, 0, 1, 0}}},
		"connecting for a while":   {3 * s, []connect.TrafficRecord{{Started: s / 2, Connected: s + s/2, Ended: 3 * s}}, [][4]int64{{0, 1, 0, 1}, {1, 0, 0, 0}, {1, 0, 0, 0}}},
		"never connected":          {3 * s, []connect.TrafficRecord{{Started: s / 2, Ended: 3 * s}}, [][4]int64{{0, 1, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}}},
		"given up":                 {3 * s, []connect.TrafficRecord{{Started: 1, Ended: s + s/2, Error: lost}}, [][4]int64{{0, 1, 0, 1}, {}, {}}},
		"times that make no sense": {2 * s, []connect.TrafficRecord{{Started: 9 * s, Connected: 1, Ended: 5 * s, Error: lost}, {Started: s / 2, Connected: 9 * s, Ended: 1, Error: lost}}, [][4]int64{{0, 0, 1, 0}, {0, 0, 1, 0}}},
		"ended with the call":      {2 * s, []connect.TrafficRecord{{Connected: 1, Ended: 2*s - s/20}}, [][4]int64{{1, 1, 0, 0}, {1, 0, 0, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			samples := recording.Seconds(row.records, row.duration)
			got := make([][4]int64, 0, len(samples))
			for _, sample := range samples {
				got = append(got, [4]int64{sample.Active, sample.New, sample.Lost, sample.Connecting})
			}
			assert.Equal(t, row.want, got)
		})
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	at := func(milliseconds ...int) []connect.TrafficSample {
		samples := make([]connect.TrafficSample, len(milliseconds))
		for i, ms := range milliseconds {
			samples[i] = connect.TrafficSample{Time: time.Duration(ms) * time.Millisecond, Active: int64(10 - i), Connecting: int64(i), New: 1, Lost: 2, Sent: 3, Received: 4, Dropped: 5}
		}
		return samples
	}
	assert.Empty(t, recording.Whole(nil))
	assert.Equal(t, at(1000, 2000, 2900), recording.Whole(at(1000, 2000, 2900)))
	assert.Equal(t, at(1000, 1900), recording.Whole(at(1000, 1900)))
	assert.Len(t, recording.Whole(at(1000, 1010)), 1)
	given := at(1000, 2000, 2010)
	assert.Equal(t, []connect.TrafficSample{
		given[0], {Time: 2010 * time.Millisecond, Active: 8, Connecting: 2, New: 2, Lost: 4, Sent: 6, Received: 8, Dropped: 10},
	}, recording.Whole(given))
	assert.Equal(t, at(1000, 2000, 2010), given, "it works on a copy")
}
