//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Each load balancer runs in one lab, the network's scenarios and the faults in one only, and no lab has nothing to do.
func TestSplit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		balancers, scenarios, faults []string
		jobs                         int
		want                         [][]string
	}{
		"one lab": {
			[]string{"ipvs-rr", "ipvs-sh"},
			[]string{"balance", "netem-loss"},
			[]string{"forgotten"},
			1,
			[][]string{{"-balancer=ipvs-rr,ipvs-sh", "-scenario=balance,netem-loss", "-fault=forgotten"}},
		},
		"two": {
			[]string{"ipvs-rr", "ipvs-sh", "ipvs-mh"},
			[]string{"balance", "netem-loss"},
			[]string{"forgotten"},
			2,
			[][]string{{"-balancer=ipvs-rr", "-scenario=balance,netem-loss"}, {"-balancer=ipvs-sh,ipvs-mh", "-scenario=balance", "-fault=forgotten"}},
		},
		"more than load balancers": {[]string{"ecmp"}, []string{"drain"}, nil, 4, [][]string{{"-balancer=ecmp", "-scenario=drain"}}},
		"the network alone":        {[]string{"ecmp", "xdp"}, []string{"netem-loss"}, nil, 2, [][]string{{"-balancer=ecmp", "-scenario=netem-loss"}}},
		"faults alone":             {nil, []string{"drain"}, []string{"stall", "leak"}, 2, [][]string{{"-fault=stall,leak"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &settings{balancers: test.balancers, scenarios: test.scenarios, faults: test.faults}
			assert.Equal(t, test.want, s.split(test.jobs))
		})
	}
}
