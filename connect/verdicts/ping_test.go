package verdicts_test

import (
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func TestPing(t *testing.T) {
	t.Parallel()
	one := func(connected, answered int64, why string) verdicts.Exchange {
		return verdicts.Exchange{Addresses: 1, Connected: connected, Answered: answered, Target: "a:1", Why: why}
	}
	three := func(connected, answered int64) verdicts.Exchange {
		return verdicts.Exchange{Addresses: 3, Connected: connected, Answered: answered, Target: "a:1", Why: "10.0.0.3:1: refused"}
	}
	for name, row := range map[string]struct {
		exchange verdicts.Exchange
		expect   *verdicts.Expect
		answers  bool
		verdict  string
		want     want
	}{
		"reached":                      {one(1, 0, ""), nil, false, verdicts.Connected, want{text: []string{"a:1 was reached", "whether or not a backend is up"}}},
		"reached, and asked":           {one(1, 1, ""), nil, true, verdicts.Connected, want{text: []string{"a:1 was reached"}, lacks: "a backend"}},
		"not reached":                  {one(0, 0, "refused: nobody listens"), nil, false, verdicts.Connected, want{fails: true, text: []string{"a:1 was not reached: refused"}}},
		"not reached, which may be":    {one(0, 0, "refused"), least(verdicts.Connected, 0), false, verdicts.Connected, want{text: []string{"a:1 was not reached (0 % expected): refused"}}},
		"half of it reached":           {one(0, 0, "refused"), least(verdicts.Connected, 0.5), false, verdicts.Connected, want{fails: true}},
		"answers are not asked":        {one(1, 0, ""), nil, false, verdicts.Answered, want{out: true}},
		"answered":                     {one(1, 1, ""), nil, true, verdicts.Answered, want{}},
		"answered wrongly":             {one(1, 0, "status 503 Service Unavailable"), nil, true, verdicts.Answered, want{fails: true, text: []string{"a:1 was not answered", "status 503"}}},
		"not reached, so not answered": {one(0, 0, "refused, as nobody listens"), nil, true, verdicts.Answered, want{text: []string{"no answer was due", "verdict connected"}}},
		"left out":                     {one(0, 0, ""), off(verdicts.Connected), true, verdicts.Connected, want{out: true}},
		"one of three not reached":     {three(2, 2), nil, true, verdicts.Connected, want{fails: true, text: []string{"2 of 3 addresses of a:1 were reached (all expected)", "10.0.0.3"}}},
		"two of three are enough":      {three(2, 2), least(verdicts.Connected, 0.6), true, verdicts.Connected, want{text: []string{"2 of 3", "60 % expected"}}},
		"all that were reached answer": {three(2, 2), nil, true, verdicts.Answered, want{text: []string{"2 of 2 addresses"}}},
		"half of those reached answer": {three(2, 1), nil, true, verdicts.Answered, want{fails: true, text: []string{"1 of 2 addresses"}}},
		"half of those are enough":     {three(2, 1), least(verdicts.Answered, 0.5), true, verdicts.Answered, want{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.PingOf(row.exchange, row.expect, row.answers), row.verdict)
		})
	}
}
