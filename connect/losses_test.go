package connect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const second = time.Second

func TestChangeExcuses(t *testing.T) {
	t.Parallel()
	all := Change{Time: 2 * second, Within: 3 * second}
	one := Change{Time: 2 * second, Within: 3 * second, Hosts: []string{"web-1", "web-2"}}
	for name, row := range map[string]struct {
		change Change
		loss   Loss
		want   bool
	}{
		"before":                                {all, Loss{At: 2*second - 1, Host: "web-1"}, false},
		"at once":                               {all, Loss{At: 2 * second, Host: "web-1"}, true},
		"at the end":                            {all, Loss{At: 5 * second, Host: "web-1"}, true},
		"after":                                 {all, Loss{At: 5*second + 1, Host: "web-1"}, false},
		"of a host that is affected":            {one, Loss{At: 3 * second, Host: "web-2"}, true},
		"of another host":                       {one, Loss{At: 3 * second, Host: "web-3"}, false},
		"of an unknown host":                    {one, Loss{At: 3 * second, Host: UnknownHost}, false},
		"of an unknown host, all affected":      {all, Loss{At: 3 * second, Host: UnknownHost}, true},
		"an unknown host can't be named":        {Change{Within: second, Hosts: []string{UnknownHost}}, Loss{Host: UnknownHost}, false},
		"silent, echoed before, missed after":   {all, Loss{At: 2*second - 1, Missed: 2*second + 1, Host: "web-1"}, true},
		"silent, missed before":                 {all, Loss{At: second, Missed: 2*second - 1, Host: "web-1"}, false},
		"silent, echoed after the end":          {all, Loss{At: 5*second + 1, Missed: 6 * second, Host: "web-1"}, false},
		"a change before the call, still on":    {Change{Time: -second, Within: 3 * second}, Loss{At: second, Host: "web-1"}, true},
		"a change before the call, and over":    {Change{Time: -5 * second, Within: 3 * second}, Loss{At: 0, Host: "web-1"}, false},
		"a flow that moved counts as it is":     {all, Loss{At: 3 * second, Host: "web-1", Moved: true}, true},
		"a flow that moved, too late to excuse": {all, Loss{At: 6 * second, Host: "web-1", Moved: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, row.change.Excuses(&row.loss))
		})
	}
}

func TestExcuse(t *testing.T) {
	t.Parallel()
	losses := func() []Loss {
		return []Loss{
			{Number: 3, At: 7 * second, Host: "web-2", Class: ClassReset},
			{Number: 1, At: second, Host: "web-1", Class: ClassClosed},
			{Number: 2, At: 4 * second, Host: "", Class: ClassNoReply},
		}
	}
	for name, row := range map[string]struct {
		changes           []Change
		needless, excused int64
		byHost            Hosts
	}{
		"no change":                      {nil, 3, 0, Hosts{"web-1": 1, "web-2": 1, UnknownHost: 1}},
		"one for all":                    {[]Change{{Within: 10 * second}}, 0, 3, Hosts{}},
		"one for all, too short":         {[]Change{{Within: 2 * second}}, 2, 1, Hosts{"web-2": 1, UnknownHost: 1}},
		"one for a host":                 {[]Change{{Within: 10 * second, Hosts: []string{"web-2"}}}, 2, 1, Hosts{"web-1": 1, UnknownHost: 1}},
		"windows that overlap, united":   {[]Change{{Within: 5 * second}, {Time: 4 * second, Within: 5 * second}}, 0, 3, Hosts{}},
		"windows with a gap between":     {[]Change{{Within: 2 * second}, {Time: 6 * second, Within: 5 * second}}, 1, 2, Hosts{UnknownHost: 1}},
		"the same host twice":            {[]Change{{Within: 8 * second, Hosts: []string{"web-1"}}, {Within: 8 * second, Hosts: []string{"web-1"}}}, 2, 1, Hosts{"web-2": 1, UnknownHost: 1}},
		"one for a host, and one for it": {[]Change{{Within: 2 * second, Hosts: []string{"web-1"}}, {Time: 6 * second, Within: 2 * second, Hosts: []string{"web-2"}}}, 1, 2, Hosts{UnknownHost: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l Losses
			for _, loss := range losses() {
				l.add(loss)
			}
			l.Excuse(row.changes)
			assert.Equal(t, row.needless, l.Needless)
			assert.Equal(t, row.excused, l.Excused)
			assert.Equal(t, row.byHost, l.NeedlessByHost)
			assert.Len(t, l.Changes, len(row.changes))
			assert.Equal(t, ClosedBy{FIN: 1, RST: 1}, l.ClosedBy)
			assert.Equal(t, []int64{1, 2, 3}, []int64{l.List[0].Number, l.List[1].Number, l.List[2].Number}, "in the order of time")
		})
	}
}

// An announced change that nothing is lost by leaves all as it is, as JSON too: lists are empty, not null.
func TestExcuseNothing(t *testing.T) {
	t.Parallel()
	var l Losses
	l.Excuse(nil)
	assert.Equal(t, Losses{NeedlessByHost: Hosts{}, Outages: []Outage{}, Changes: []Change{}}, l)
}

func TestOutages(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	until := func(d time.Duration) *time.Duration { return &d }
	for name, row := range map[string]struct {
		losses []Loss
		want   []Outage
	}{
		"none": {nil, []Outage{}},
		"three restarts are three": {
			[]Loss{
				{At: second, Until: until(second + 200*ms), Host: "web-1"},
				{At: second + ms, Until: until(second + 300*ms), Host: "web-1"},
				{At: 4 * second, Until: until(4*second + 200*ms), Host: "web-2"},
				{At: 9 * second, Until: until(9*second + 500*ms), Host: "web-3"},
			},
			[]Outage{
				{second, until(second + 300*ms), 2, []string{"web-1"}},
				{4 * second, until(4*second + 200*ms), 1, []string{"web-2"}},
				{9 * second, until(9*second + 500*ms), 1, []string{"web-3"}},
			},
		},
		"those that overlap are one": {
			[]Loss{{At: second, Until: until(3 * second), Host: "web-2"}, {At: 2 * second, Until: until(4 * second), Host: "web-1"}, {At: 2 * second, Until: until(2*second + ms), Host: "web-1"}},
			[]Outage{{second, until(4 * second), 3, []string{"web-1", "web-2"}}},
		},
		"those that hardly part are one": {
			[]Loss{{At: second, Until: until(2 * second), Host: "web-1"}, {At: 2*second + 50*ms, Until: until(3 * second), Host: "web-1"}},
			[]Outage{{second, until(3 * second), 2, []string{"web-1"}}},
		},
		"one that lasts takes in all that follow": {
			[]Loss{{At: second, Host: "web-1"}, {At: 5 * second, Until: until(6 * second), Host: "web-2"}},
			[]Outage{{second, nil, 2, []string{"web-1", "web-2"}}},
		},
		"a flow that another host took was never down": {
			[]Loss{{At: second, Host: "web-1", Moved: true}},
			[]Outage{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l Losses
			for _, loss := range row.losses {
				l.add(loss)
			}
			l.Excuse(nil)
			assert.Equal(t, row.want, l.Outages)
		})
	}
}

// Losses beyond those that are kept one by one count as needless.
func TestLossesAreBounded(t *testing.T) {
	t.Parallel()
	l := Losses{List: make([]Loss, MaxLosses)}
	l.add(Loss{Host: "web-1", Class: ClassReset})
	l.Excuse([]Change{{Within: second}})
	assert.Len(t, l.List, MaxLosses)
	assert.EqualValues(t, MaxLosses, l.Excused)
	assert.EqualValues(t, 1, l.Needless)
	assert.EqualValues(t, 1, l.ClosedBy.RST)
	assert.Equal(t, Hosts{"web-1": 1}, l.NeedlessByHost)
	assert.Equal(t, map[LossOf]int64{{"web-1", ClassReset}: 1}, l.NeedlessBy())
}

// Without reconnect no outage ends, and yet three restarts are three outages.
func TestOutagesOfWhatIsNotRedialed(t *testing.T) {
	t.Parallel()
	l := Losses{final: true}
	for _, at := range []time.Duration{second, second + 50*time.Millisecond, 4 * second, 9 * second} {
		l.add(Loss{At: at, Host: "web-1", Class: ClassClosed})
	}
	l.Excuse(nil)
	hosts := []string{"web-1"}
	assert.Equal(t, []Outage{{second, nil, 2, hosts}, {4 * second, nil, 1, hosts}, {9 * second, nil, 1, hosts}}, l.Outages)
}
