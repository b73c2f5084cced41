package disruption_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

func backends(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("web-%02d", i+1)
	}
	return list
}

func outOf(list []string, gone ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(gone, name) })
}

// changes of ten backends, and the ideal that each model has for them.
var changes = map[string]struct {
	removed, added                    []string
	maglev, ecmp, resilient, stateful float64
}{
	"nothing":                  {nil, nil, 0, 0, 0, 0},
	"the first leaves":         {[]string{"web-01"}, nil, .1, .5, .1, .1},
	"the last leaves":          {[]string{"web-10"}, nil, .1, .5, .1, .1},
	"a middle one leaves":      {[]string{"web-05"}, nil, .1, .2777778, .1, .1},
	"the other middle one":     {[]string{"web-06"}, nil, .1, .2777778, .1, .1},
	"two edges leave":          {[]string{"web-01", "web-10"}, nil, .2, .5, .2, .2},
	"the last five leave":      {[]string{"web-06", "web-07", "web-08", "web-09", "web-10"}, nil, .5, .9, .5, .5},
	"the last comes":           {nil, []string{"web-10"}, .1, .5, .1, 0},
	"a middle one comes":       {nil, []string{"web-05"}, .1, .2777778, .1, 0},
	"the last replaces first":  {[]string{"web-01"}, []string{"web-10"}, .2, 1, 1. / 9, 1. / 9},
	"one replaces its left":    {[]string{"web-05"}, []string{"web-06"}, .2, 1. / 9, 1. / 9, 1. / 9},
	"three leave and two come": {[]string{"web-02", "web-05", "web-08"}, []string{"web-03", "web-09"}, .5, -1, 3. / 8, 3. / 8},
}

// The ideal is what load balancers that work as the model says really do.
func TestIdealIsWhatBalancersDo(t *testing.T) {
	t.Parallel()
	all := backends(10)
	even := func(string) int { return 1 }
	uneven := func(name string) int { return 1 + int(name[len(name)-1]-'0')%3 }
	for name, change := range changes {
		for model, ideal := range map[disruption.Model]float64{
			disruption.Maglev: change.maglev, disruption.ECMP: change.ecmp, disruption.Resilient: change.resilient, disruption.Stateful: change.stateful,
		} {
			t.Run(fmt.Sprintf("%s/%s", model, name), func(t *testing.T) {
				t.Parallel()
				v := simulate(t, model, even, disruption.Change{Model: model, Backends: all, Removed: listed(change.removed), Added: listed(change.added)})
				if ideal >= 0 {
					assert.InDelta(t, ideal, v.IdealShare, 1e-6)
				}
			})
			t.Run(fmt.Sprintf("%s/%s, weighted", model, name), func(t *testing.T) {
				t.Parallel()
				weights := map[string]float64{}
				for _, name := range all {
					weights[name] = float64(uneven(name))
				}
				simulate(t, model, uneven, disruption.Change{Model: model, Backends: all, Removed: listed(change.removed), Added: listed(change.added), Weights: weights})
			})
		}
	}
}

func listed(list []string) []string { return append([]string{}, list...) }

// simulate judges a change of a balancer that works as its model says.
func simulate(t *testing.T, model disruption.Model, weight func(string) int, change disruption.Change) *disruption.Verdict {
	t.Helper()
	b := balancers[model](weight)
	b.set(outOf(change.Backends, change.Added...))
	before := call(t, b)
	b.set(outOf(change.Backends, change.Removed...))
	after := call(t, b)
	v, err := disruption.Of(before, after, change)
	require.NoError(t, err)
	// Table and permutations of Maglev are not perfect, and 20,000 flows are a sample: 6 standard deviations.
	assert.InDelta(t, 0, v.Excess, .02, "moved %v, ideal %v", v.MovedShare, v.IdealShare)
	assert.EqualValues(t, simulated, v.Flows)
	assert.Equal(t, v.Moved, v.Inevitable+v.Claimed+v.Needless)
	assert.Equal(t, v.Moved, sum(v.From))
	assert.Equal(t, v.Moved, sum(v.To))
	assert.Zero(t, v.Lost+v.Found+v.Stale)
	return v
}

func sum(counts map[string]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// RFC 2992, section 3: for one of many that leaves, a half at the edge and a quarter in the middle.
func TestIdealOfManyNextHops(t *testing.T) {
	t.Parallel()
	all := backends(1000)
	flows := record(t, answer{0, "web-01"})
	for removed, want := range map[int]float64{0: .5, 499: .25, 999: .5} {
		v, err := disruption.Of(flows, flows, disruption.Change{Model: disruption.ECMP, Backends: all, Removed: all[removed : removed+1]})
		require.NoError(t, err)
		assert.InDelta(t, want, v.IdealShare, .001)
	}
}

type answer struct {
	number int64
	host   string
}

// record is a call to one target from one source.
func record(t *testing.T, answers ...answer) *disruption.Flows {
	t.Helper()
	pool, err := source.ParsePool("10.0.0.1")
	require.NoError(t, err)
	flows := disruption.New("tcp", []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:5001")}, source.Sequence{Pool: pool, Ports: source.Ports{First: 1000, Last: 1099}})
	for _, a := range answers {
		flows.Record(a.number, a.host)
	}
	return flows
}

func TestVerdictAccountsForEachFlow(t *testing.T) {
	t.Parallel()
	before := record(t, answer{0, "a"}, answer{1, "a"}, answer{2, "b"}, answer{3, "b"}, answer{4, "c"}, answer{5, "c"}, answer{6, "a"}, answer{7, "c"})
	after := record(t, answer{0, "a"}, answer{1, "b"}, answer{2, "d"}, answer{3, "b"}, answer{4, "a"}, answer{5, "c"}, answer{7, "d"}, answer{8, "b"}, answer{9, "b"})
	v, err := disruption.Of(before, after, disruption.Change{Model: disruption.Maglev, Removed: []string{"c"}, Added: []string{"d"}})
	require.NoError(t, err)
	assert.Equal(t, &disruption.Verdict{
		Model: disruption.Maglev, Backends: []string{"a", "b", "c", "d"}, Removed: []string{"c"}, Added: []string{"d"},
		Flows: 7, Moved: 4, MovedShare: 4. / 7, IdealShare: .5, Excess: .071428571,
		Inevitable: 2, Claimed: 1, Needless: 1, Stale: 1, Lost: 1, Found: 2,
		From: map[string]int64{"a": 1, "b": 1, "c": 2}, To: map[string]int64{"b": 1, "d": 2, "a": 1},
		Due: map[string]float64{"a": 1. / 3, "b": 1. / 3, "d": 1. / 3},
	}, v)
}

// A 5-tuple that was dialed twice counts once, as it was answered last.
func TestVerdictCountsA5TupleOnce(t *testing.T) {
	t.Parallel()
	before, after := record(t, answer{0, "a"}, answer{100, "b"}), record(t, answer{0, "b"}, answer{5, "b"})
	v, err := disruption.Of(before, after, disruption.Change{Model: disruption.Maglev})
	require.NoError(t, err)
	assert.EqualValues(t, 1, v.Flows)
	assert.Zero(t, v.Moved)
	assert.EqualValues(t, 1, v.Found)
}

// Calls need not be alike to have 5-tuples in common.
func TestVerdictOfCallsThatDiffer(t *testing.T) {
	t.Parallel()
	pool := func(text string) *source.Pool {
		p, err := source.ParsePool(text)
		require.NoError(t, err)
		return p
	}
	target, other := netip.MustParseAddrPort("10.9.9.9:5001"), netip.MustParseAddrPort("10.9.9.9:5002")
	ports := source.Ports{First: 1000, Last: 1003}
	sources := source.Sequence{Pool: pool("10.0.0.1-10.0.0.4"), Ports: ports}
	call := func(targets []netip.AddrPort, sources source.Sequence, host string) *disruption.Flows {
		flows := disruption.New("tcp", targets, sources)
		for n := range int64(16) {
			flows.Record(n, host)
		}
		return flows
	}
	before := call([]netip.AddrPort{target}, sources, "a")
	for name, row := range map[string]struct {
		after       *disruption.Flows
		flows, lost int64
	}{
		"the same":              {call([]netip.AddrPort{target}, sources, "b"), 16, 0},
		"in another order":      {call([]netip.AddrPort{target}, source.Sequence{Pool: pool("10.0.0.3-10.0.0.4,10.0.0.1-10.0.0.2"), Ports: ports}, "b"), 16, 0},
		"started later":         {call([]netip.AddrPort{target}, source.Sequence{Pool: sources.Pool, Ports: source.Ports{First: 1000, Last: 1009}, Start: 4}, "b"), 12, 4},
		"other sources":         {call([]netip.AddrPort{target}, source.Sequence{Pool: pool("10.0.0.3-10.0.0.6"), Ports: ports}, "b"), 8, 8},
		"half to another":       {call([]netip.AddrPort{target, other}, sources, "b"), 8, 8},
		"at random, some twice": {call([]netip.AddrPort{target}, source.Sequence{Pool: sources.Pool, Ports: ports, Random: true, Seed: 3}, "b"), 10, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := disruption.Of(before, row.after, disruption.Change{Model: disruption.Stateful})
			require.NoError(t, err)
			assert.Equal(t, row.flows, v.Flows)
			assert.Equal(t, row.lost, v.Lost)
			assert.Equal(t, v.Flows, v.Moved)
			back, err := disruption.Of(row.after, before, disruption.Change{Model: disruption.Stateful})
			require.NoError(t, err)
			assert.Equal(t, row.flows, back.Flows)
			assert.Equal(t, row.lost, back.Found)
			assert.Equal(t, v.Found, back.Lost)
		})
	}
}

// What changed can be left to the answers.
func TestChangeFromAnswers(t *testing.T) {
	t.Parallel()
	before, after := record(t, answer{0, "b"}, answer{1, "a"}, answer{2, "c"}), record(t, answer{0, "b"}, answer{1, "d"}, answer{2, "b"})
	for name, row := range map[string]struct {
		change                   disruption.Change
		backends, removed, added []string
	}{
		"all of it":            {disruption.Change{Model: disruption.Maglev}, []string{"a", "b", "c", "d"}, []string{"a", "c"}, []string{"d"}},
		"with backends":        {disruption.Change{Model: disruption.ECMP, Backends: []string{"d", "c", "x", "b", "a"}}, []string{"d", "c", "x", "b", "a"}, []string{"a", "c"}, []string{"d"}},
		"nobody was removed":   {disruption.Change{Model: disruption.Stateful, Removed: []string{}}, []string{"a", "b", "c", "d"}, []string{}, []string{}},
		"added, and silent":    {disruption.Change{Model: disruption.Maglev, Added: []string{"x"}}, []string{"a", "b", "c", "d", "x"}, []string{}, []string{"x"}},
		"only removed is told": {disruption.Change{Model: disruption.Stateful, Removed: []string{"a"}}, []string{"a", "b", "c", "d"}, []string{"a"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := disruption.Of(before, after, row.change)
			require.NoError(t, err)
			assert.Equal(t, row.backends, v.Backends)
			assert.Equal(t, row.removed, v.Removed)
			assert.Equal(t, row.added, v.Added)
		})
	}
}

func TestOfSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	flows := record(t, answer{0, "a"}, answer{1, "b"})
	udp := disruption.New("udp", []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:5001")}, source.Sequence{Ports: source.Ports{First: 5, Last: 6}})
	for name, row := range map[string]struct {
		after  *disruption.Flows
		change disruption.Change
		says   []string
	}{
		"no model":             {flows, disruption.Change{}, []string{`"model": got ""`, "'maglev', 'ecmp', 'resilient', 'stateful'"}},
		"an unknown model":     {flows, disruption.Change{Model: "rss"}, []string{`got "rss"`}},
		"no order":             {flows, disruption.Change{Model: disruption.ECMP, Removed: []string{"a"}}, []string{`"backends" is missing`, "order"}},
		"an unknown name":      {flows, disruption.Change{Model: disruption.Maglev, Removed: []string{"x"}}, []string{`"removed": got "x"`, "[a, b]"}},
		"an unlisted newcomer": {flows, disruption.Change{Model: disruption.Maglev, Backends: []string{"a", "b"}, Added: []string{"x"}}, []string{`"added": got "x"`, "[a, b]"}},
		"removed twice":        {flows, disruption.Change{Model: disruption.Maglev, Removed: []string{"a", "a"}}, []string{`"removed": got "a" twice`}},
		"removed and added":    {flows, disruption.Change{Model: disruption.Maglev, Removed: []string{"a"}, Added: []string{"a"}}, []string{`got "a" in both`}},
		"a backend twice":      {flows, disruption.Change{Model: disruption.Maglev, Backends: []string{"a", "b", "a"}}, []string{`"backends": got "a" twice`}},
		"a backend missing":    {flows, disruption.Change{Model: disruption.Maglev, Backends: []string{"a", "c"}}, []string{"backends are [a, c]", "answered by [b]"}},
		"nobody left":          {flows, disruption.Change{Model: disruption.Maglev, Removed: []string{"a", "b"}}, []string{"before and after"}},
		"nobody at first":      {flows, disruption.Change{Model: disruption.Maglev, Added: []string{"a", "b"}}, []string{"before and after"}},
		"a stranger's weight":  {flows, disruption.Change{Model: disruption.Maglev, Weights: map[string]float64{"x": 1}}, []string{`"weights": got "x"`}},
		"no weight":            {flows, disruption.Change{Model: disruption.Maglev, Weights: map[string]float64{"a": 0}}, []string{"weight above 0"}},
		"other 5-tuples":       {record(t, answer{5, "a"}, answer{6, "b"}), disruption.Change{Model: disruption.Maglev}, []string{"no 5-tuple", "2 tcp connections to [10.9.9.9:5001] from 10.0.0.1", "7 tcp connections", "same iteration"}},
		"no answers at all":    {record(t), disruption.Change{Model: disruption.Maglev, Backends: []string{"a", "b"}, Removed: []string{}}, []string{"no 5-tuple"}},
		"nobody answered":      {record(t), disruption.Change{Model: disruption.Maglev}, []string{"no 5-tuple", "answers in both"}},
		"another protocol":     {udp, disruption.Change{Model: disruption.Maglev}, []string{"udp", "tcp", "same protocol"}},
		"a list beyond reason": {flows, disruption.Change{Model: disruption.Maglev, Backends: backends(50)}, []string{"38 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := disruption.Of(flows, row.after, row.change)
			trouble := ""
			if err != nil {
				trouble = err.Error()
			} else {
				trouble = v.Trouble
			}
			for _, part := range row.says {
				assert.Contains(t, trouble, part)
			}
		})
	}
}

func TestAffinity(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("10.0.0.1-10.0.0.4")
	require.NoError(t, err)
	target, other := netip.MustParseAddrPort("10.9.9.9:5001"), netip.MustParseAddrPort("10.9.9.9:5002")
	for name, row := range map[string]struct {
		targets []netip.AddrPort
		hosts   []string // "" is no answer
		want    disruption.Affinity
	}{
		"by address":     {[]netip.AddrPort{target}, []string{"a", "b", "a", "c", "a", "b", "a", "c"}, disruption.Affinity{Sources: 4, Sticky: 4, Share: 1}},
		"by turns":       {[]netip.AddrPort{target}, []string{"a", "b", "c", "a", "b", "c", "a", "b"}, disruption.Affinity{Sources: 4}},
		"half":           {[]netip.AddrPort{target}, []string{"a", "a", "a", "a", "b", "b", "a", "a"}, disruption.Affinity{Sources: 4, Sticky: 2, Share: .5}},
		"one each":       {[]netip.AddrPort{target}, []string{"a", "a", "a", "a"}, disruption.Affinity{}},
		"not answered":   {[]netip.AddrPort{target}, []string{"a", "", "", "", "a", "b"}, disruption.Affinity{Sources: 1, Sticky: 1, Share: 1}},
		"several target": {[]netip.AddrPort{target, other}, []string{"a", "b", "a", "b", "a", "b", "a", "b"}, disruption.Affinity{Sources: 4, Sticky: 4, Share: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flows := disruption.New("tcp", row.targets, source.Sequence{Pool: pool, Ports: source.Ports{First: 1000, Last: 1099}})
			for n, host := range row.hosts {
				if host != "" {
					flows.Record(int64(n), host)
				}
			}
			assert.Equal(t, row.want, flows.Affinity())
		})
	}
}
