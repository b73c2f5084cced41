package verdicts_test

import (
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func TestDisruption(t *testing.T) {
	t.Parallel()
	moved := func(share, ideal float64, change func(v *disruption.Verdict)) *disruption.Verdict {
		v := &disruption.Verdict{Model: disruption.Maglev, Flows: 1000, Moved: int64(1000 * share), MovedShare: share, IdealShare: ideal, Excess: share - ideal, To: map[string]int64{}}
		if change != nil {
			change(v)
		}
		return v
	}
	added := func(model disruption.Model, got int64, due float64) func(v *disruption.Verdict) {
		return func(v *disruption.Verdict) {
			v.Model, v.Added, v.Due, v.To = model, []string{"web-5"}, map[string]float64{"web-5": due}, map[string]int64{"web-5": got}
		}
	}
	for name, row := range map[string]struct {
		verdict *disruption.Verdict
		expect  *verdicts.Expect
		want    want
	}{
		"none":                       {moved(0, 0, nil), nil, want{text: []string{"0 of 1000 flows moved, 0 %"}}},
		"as many as must":            {moved(0.25, 0.25, nil), nil, want{}},
		"a few more":                 {moved(0.30, 0.25, nil), nil, want{}},
		"more, but by chance":        {moved(0.33, 0.25, nil), nil, want{}},
		"many more":                  {moved(0.75, 0.25, nil), nil, want{fails: true, text: []string{"750 of 1000", "by model maglev 25 % are inevitable", "hashes anew"}}},
		"many more, expected":        {moved(0.75, 0.25, nil), &verdicts.Expect{HasMoved: true, Moved: 0.5}, want{}},
		"none more":                  {moved(0.06, 0, nil), &verdicts.Expect{HasMoved: true}, want{fails: true, text: []string{"at most 0 % more expected"}}},
		"stale":                      {moved(0, 0, func(v *disruption.Verdict) { v.Stale, v.Removed = 3, []string{"web-2"} }), nil, want{fails: true, text: []string{"3 flows answered by a host that was removed (web-2)", "stale"}}},
		"lost":                       {moved(0, 0, func(v *disruption.Verdict) { v.Lost = 2 }), nil, want{fails: true, text: []string{"2 flows answered before, and no more"}}},
		"an added host gets nothing": {moved(0, 0.2, added(disruption.Maglev, 0, 0.2)), nil, want{fails: true, text: []string{"nothing went to web-5", "health check"}}},
		"an added host gets some":    {moved(0.2, 0.2, added(disruption.Maglev, 200, 0.2)), nil, want{}},
		"nine flows are too few":     {moved(0, 0.009, added(disruption.Maglev, 0, 0.009)), nil, want{}},
		"ten flows are enough":       {moved(0, 0.01, added(disruption.Maglev, 0, 0.01)), nil, want{fails: true}},
		"connection tracking":        {moved(0, 0, added(disruption.Stateful, 0, 0.2)), nil, want{}},
		"no 5-tuple in common":       {&disruption.Verdict{Trouble: "the floods have no 5-tuple in common: use the same sources"}, nil, want{fails: true, text: []string{"no 5-tuple in common"}}},
		"left out":                   {moved(1, 0, nil), off(verdicts.Moved), want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.Disruption(row.verdict, row.expect), verdicts.Moved)
		})
	}
}
