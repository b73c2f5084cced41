//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A verdict too many, one too few, and a text that does not name the backend are all wrong.
func TestFaultIsJudged(t *testing.T) {
	t.Parallel()
	const log = `level=error msg="mconnect: verdict kept failed in traffic(): 90 of 100 connections kept, the others of web-02 10"` + "\n"
	for name, test := range map[string]struct {
		red  []string
		log  string
		says string
	}{
		"right":                      {[]string{"kept"}, log, ""},
		"nothing is red":             {nil, log, "none fail, and kept should"},
		"another is red, too":        {[]string{"recovered", "kept"}, log, "kept, recovered fail, and kept should"},
		"the text names another":     {[]string{"kept"}, `verdict kept failed in traffic(): web-03`, `the text of kept does not say "web-02"`},
		"another verdict's text has": {[]string{"kept"}, `verdict intact failed in traffic(): web-02`, `does not say "web-02"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fault{red: map[string][]string{"kept": {"BACKEND"}}}
			complaint := f.judge(&k6Run{verdicts: verdicts{Red: test.red}, log: test.log}, "web-02")
			if test.says == "" {
				assert.Empty(t, complaint)
				return
			}
			assert.Contains(t, complaint, test.says)
		})
	}
}

// Flags that speak of one half of the lab leave out the other.
func TestFlagsNarrow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given             []string
		balancers, faults bool
	}{
		"none":       {nil, true, true},
		"a balancer": {[]string{"balancer", "ip"}, true, false},
		"a scenario": {[]string{"scenario"}, true, false},
		"a fault":    {[]string{"fault"}, false, true},
		"both":       {[]string{"fault", "scenario"}, true, true},
		"neither":    {[]string{"servers"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &settings{balancers: []string{"ecmp"}, faults: []string{"stall"}}
			given := map[string]bool{}
			for _, flag := range test.given {
				given[flag] = true
			}
			s.narrow(given)
			assert.Equal(t, test.balancers, len(s.balancers) > 0)
			assert.Equal(t, test.faults, len(s.faults) > 0)
		})
	}
}

// A user's script must exit as for thresholds, and its last lines must have the words of each verdict.
func TestOwnScriptIsJudged(t *testing.T) {
	t.Parallel()
	const log = "mconnect: verdict connected failed in flood(): 5 refused\nmconnect: verdict hosts failed in flood(): no answer came from web-01\n"
	for name, test := range map[string]struct {
		run  ownRun
		says string
	}{
		"right":               {ownRun{thresholdsFailed, log}, ""},
		"it is content":       {ownRun{0, log}, "it exits with 0, and should with 99"},
		"it throws":           {ownRun{107, log}, "it exits with 107"},
		"another host":        {ownRun{thresholdsFailed, "mconnect: verdict hosts failed in flood(): no answer came from web-02"}, `no last line on hosts says "from web-01"`},
		"of another verdict":  {ownRun{thresholdsFailed, "mconnect: verdict answered failed in flood(): no answer came from web-01"}, "no last line on hosts"},
		"no line on verdicts": {ownRun{thresholdsFailed, "thresholds on metrics 'mconnect_connect_failed' have been crossed"}, "no last line on hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fault{own: &met{says: map[string][]string{"hosts": {"from web-01"}}}}
			complaint := f.judgeOwn(&test.run)
			if test.says == "" {
				assert.Empty(t, complaint)
				return
			}
			assert.Contains(t, complaint, test.says)
		})
	}
}
