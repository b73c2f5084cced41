package mesh

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// noon is when the tests of rules take place.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// pinged is a ping of so many seconds after noon.
func pinged(second int, answered bool) *ping.Result {
	r := &ping.Result{Start: noon.Add(time.Duration(second) * time.Second), Status: 200}
	r.Connect, r.FirstByte, r.Total = 2*time.Millisecond, 3*time.Millisecond, 5*time.Millisecond
	if !answered {
		r.Class, r.Err, r.Status = class.Refused, errors.New("refused"), 0
	}
	return r
}

// A peer is down from its second lost ping in a row until it answers, and since the first of them.
func TestDownWithinTwoPings(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		pings string // one a second: + is answered, - lost
		want  Now
	}{
		"not pinged":       {"", Now{}},
		"answers":          {"++", Now{Answered: noon.Add(time.Second)}},
		"one lost":         {"+-", Now{Failing: 1, Since: noon.Add(time.Second), Answered: noon}},
		"two lost":         {"+--", Now{Down: true, Failing: 2, Since: noon.Add(time.Second), Answered: noon}},
		"lost for long":    {"+-----", Now{Down: true, Failing: 5, Since: noon.Add(time.Second), Answered: noon}},
		"answers again":    {"+---+", Now{Answered: noon.Add(4 * time.Second)}},
		"down anew":        {"--+--", Now{Down: true, Failing: 2, Since: noon.Add(3 * time.Second), Answered: noon.Add(2 * time.Second)}},
		"every second one": {"+-+-+-", Now{Failing: 1, Since: noon.Add(5 * time.Second), Answered: noon.Add(4 * time.Second)}},
		"never answered":   {"--", Now{Down: true, Failing: 2, Since: noon}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f figures
			for second, sign := range row.pings {
				f.add(pinged(second, sign == '+'))
			}
			assert.Equal(t, row.want, f.now())
		})
	}
}

// What another server tells of now is made consistent, and its clock does not matter.
func TestNowOfOthers(t *testing.T) {
	t.Parallel()
	minute := noon.Add(-time.Minute)
	for name, row := range map[string]struct {
		told   Now
		behind time.Duration
		want   Now
	}{
		"down":                 {Now{true, 9, minute, minute}, 0, Now{true, 9, minute, minute}},
		"an hour behind":       {Now{true, 9, minute.Add(-time.Hour), time.Time{}}, time.Hour, Now{true, 9, minute, time.Time{}}},
		"an hour ahead":        {Now{true, 9, minute.Add(time.Hour), time.Time{}}, -time.Hour, Now{true, 9, minute, time.Time{}}},
		"down, but answers":    {Now{true, 0, minute, minute}, 0, Now{Answered: minute}},
		"answers, but is down": {Now{false, 5, minute, time.Time{}}, 0, Now{true, 5, minute, time.Time{}}},
		"a negative number":    {Now{true, -5, minute, time.Time{}}, 0, Now{}},
		"in the future":        {Now{true, 2, noon.Add(time.Hour), noon.AddDate(7000, 0, 0)}, 0, Now{true, 2, noon, noon}},
		"before there were any": {
			Now{true, 2, time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC), noon.AddDate(-3000, 0, 0)}, 0, Now{Down: true, Failing: 2},
		},
		"elsewhere": {
			Now{true, 2, minute.In(time.FixedZone("far", 3600)), time.Time{}}, 0, Now{Down: true, Failing: 2, Since: minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.told.check(row.behind, noon)
			assert.Equal(t, row.want, row.told)
		})
	}
}

// cellsOf is a matrix of one column, a sign for each row: + answers, d is down since as many minutes as its place, o is stale and down, . none.
func cellsOf(signs string) *Matrix {
	t := &Matrix{Columns: []string{"x"}, Time: noon}
	for i, sign := range signs {
		c := &Cell{Trail: Trail{Pings: 9}, Now: Now{Answered: noon.Add(-time.Hour)}}
		switch sign {
		case '.':
			c = nil
		case 'd', 'o':
			c.Now = Now{Down: true, Failing: 2, Since: noon.Add(-time.Duration(i) * time.Minute)}
			c.Error = "why " + string(rune('a'+i))
		}
		t.Rows, t.Cells = append(t.Rows, string(rune('a'+i))), append(t.Cells, []*Cell{c})
		t.Stale = append(t.Stale, sign == 'o')
	}
	return t
}

func TestOutages(t *testing.T) {
	t.Parallel()
	for signs, want := range map[string][]Outage{
		"+++":   {},
		"...":   {},
		"o+.":   {},
		".d":    {{Server: "x", By: []string{"b"}, Of: 1, Since: noon.Add(-time.Minute), Error: "why b"}},
		"ddd":   {{Server: "x", By: []string{"a", "b", "c"}, Of: 3, Since: noon.Add(-time.Minute), Error: "why a"}},
		"+d.oo": {{Server: "x", By: []string{"b"}, Of: 2, Since: noon.Add(-time.Minute), Answered: noon.Add(-time.Hour), Error: "why b"}},
	} {
		t.Run(signs, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, cellsOf(signs).outages())
		})
	}
}

func TestSays(t *testing.T) {
	t.Parallel()
	for signs, want := range map[string]string{
		"d":      "does not answer a",
		"dd":     "answers none of 2 servers",
		"d+":     "does not answer 1 of 2 servers (a)",
		"dd+d":   "does not answer 3 of 4 servers (a; b; d)",
		"dddd++": "does not answer 4 of 6 servers",
	} {
		o := cellsOf(signs).outage(0)
		assert.Equal(t, want, says(&o), signs)
	}
}

// Means of the phases are of the last hour; phases that there are not are 0.
func TestPhases(t *testing.T) {
	t.Parallel()
	var f figures
	old := pinged(-3600, true)
	old.Connect = time.Hour
	f.add(old)
	for second, connect := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 6 * time.Millisecond} {
		r := pinged(second, true)
		r.Connect = connect
		f.add(r)
	}
	f.add(pinged(4, false))
	got := f.hour.trail(noon.Add(5*time.Second), &f.last).Phases
	assert.Equal(t, Phases{
		Connect: Phase{Last: 6, Mean: 3, Max: 6}, FirstByte: Phase{Last: 3, Mean: 3, Max: 3}, Total: Phase{Last: 5, Mean: 5, Max: 5},
	}, got)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	for _, phase := range phases {
		assert.Contains(t, string(text), `"`+phase.name+`":`, "the API names phases as /metrics does")
	}
	var none figures
	none.add(pinged(0, false))
	assert.Zero(t, none.hour.trail(noon, &none.last).Phases)
}

func TestHostilePhases(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		`{"tls": {"mean": -1}}`:         "phase tls of -1 ms",
		`{"first_byte": {"max": 9e30}}`: "phase first_byte of 9e+30 ms",
		`{"dns": {"last": 1}}`:          "",
	} {
		var p Phases
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		if err := p.check(); message == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, message)
		}
	}
}

// Errors of others are shown on one line, and can't turn the text around.
func TestErrorsArePrintable(t *testing.T) {
	t.Parallel()
	c := Cell{URL: "http://a/", Location: "a\u202eb", Error: "x\n\u202e<b>" + strings.Repeat("y", 1000), IP: netip.IPv4Unspecified().String()}
	require.NoError(t, c.check())
	assert.LessOrEqual(t, len(c.Error), 303)
	assert.True(t, strings.HasPrefix(c.Error, `x\n\u202e<b>yyy`), c.Error)
	assert.NotContains(t, c.Location, "\u202e")
}

func TestTimesInWords(t *testing.T) {
	t.Parallel()
	for back, want := range map[time.Duration][3]string{
		-time.Second:                    {"12:00:01 UTC", "12:00", "0 s"},
		90 * time.Second:                {"11:58:30 UTC", "11:58", "90 s"},
		10 * time.Minute:                {"11:50:00 UTC", "11:50", "10 min"},
		3*time.Hour + 5*time.Minute:     {"08:55:00 UTC", "08:55", "3 h 5 min"},
		24*time.Hour + 30*time.Minute:   {"2026-05-03 11:30 UTC", "May 3", "24 h 30 min"},
		3*24*time.Hour + 90*time.Minute: {"2026-05-01 10:30 UTC", "May 1", "3 d 1 h"},
	} {
		at := noon.Add(-back)
		assert.Equal(t, want, [3]string{clockTime(at, noon), shortly(at, noon), age(back)})
	}
	assert.Empty(t, clockTime(time.Time{}, noon)+shortly(time.Time{}, noon))
}

// One server's clock, or lie, does not decide since when another is down.
func TestSinceIsTheMiddle(t *testing.T) {
	t.Parallel()
	x := cellsOf("ddd")
	x.Cells[2][0].Since = noon.AddDate(-9, 0, 0)
	assert.Equal(t, noon.Add(-time.Minute), x.outage(0).Since)
}

// A row's way here is not taken for its clock.
func TestClockOfARow(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		made time.Duration // after noon, when the row arrives
		want time.Duration
	}{
		"no time":         {0, 0},
		"on its way":      {-3 * time.Second, 0},
		"a little ahead":  {time.Second, 0},
		"a minute behind": {-time.Minute, time.Minute},
		"an hour ahead":   {time.Hour, -time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			since := noon.Add(-2 * time.Hour)
			r := Row{Cells: []Cell{{Now: Now{Failing: 2, Since: since}}}}
			if row.made != 0 {
				r.Time = noon.Add(row.made)
			}
			r.setClock(noon)
			assert.Equal(t, since.Add(row.want), r.Cells[0].Since)
			assert.Equal(t, noon, r.Time)
		})
	}
}

// A server that has never answered this one is the same column as for those whom it has.
func TestOneColumnForAServer(t *testing.T) {
	t.Parallel()
	const lima, other = "http://lima/v1/ping", "http://other/v1/ping"
	silent, known := Cell{URL: lima, Location: lima}, Cell{URL: lima, Location: "Lima", Instance: "l"}
	answered := silent
	answered.Answered = noon
	for name, row := range map[string]struct {
		cells []Cell // of a row each
		want  []string
	}{
		"known to one":       {[]Cell{known, silent}, []string{"0", "1", "Lima"}},
		"known to nobody":    {[]Cell{silent, silent}, []string{"0", "1", lima}},
		"pingmesh's":         {[]Cell{answered, known}, []string{"0", "1", "Lima", lima}},
		"at another address": {[]Cell{known, {URL: lima, IP: "10.0.0.1", Location: "x"}}, []string{"0", "1", "Lima", "x"}},
		"contested": {
			[]Cell{known, {URL: lima, Location: "Lima", Instance: "liar"}, silent, {URL: other, Location: "Other"}},
			[]string{"0", "1", "2", "3", "Lima (lima)", "Lima (lima)", "Other", lima},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rows []heldRow
			for i, cell := range row.cells {
				at := string(rune('0' + i))
				rows = append(rows, heldRow{&Row{Instance: at, Location: at, Cells: []Cell{cell}}, noon})
			}
			assert.Equal(t, row.want, newColumns(rows).names())
		})
	}
}

// However many servers a peer says are down, those that this server misses come first.
func TestLiesAboutOutagesComeLast(t *testing.T) {
	t.Parallel()
	down := func(answered, since time.Time) *Cell {
		return &Cell{Trail: Trail{Pings: 9}, Now: Now{Down: true, Failing: 2, Since: since, Answered: answered}}
	}
	hour, minute := noon.Add(-time.Hour), noon.Add(-time.Minute)
	well := &Cell{Trail: Trail{Pings: 9}, Now: Now{Answered: noon}}
	x := &Matrix{
		Columns: []string{"lie", "worse lie", "never there", "gone"}, Rows: []string{"liar", "here"}, Stale: make([]bool, 2),
		Cells: [][]*Cell{
			{down(noon, hour), down(noon, time.Time{}), nil, well},
			{nil, well, down(time.Time{}, hour), down(hour, minute)},
		},
		own: Row{Instance: "own"}, instances: []string{"other", "own"},
	}
	var order []string
	for _, o := range x.outages() {
		order = append(order, o.Server)
	}
	assert.Equal(t, []string{"gone", "never there", "lie", "worse lie"}, order)
}
