//go:build linux

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the lab in a virtual machine tells as JSON makes the table outside that it would print itself.
func TestTableTravelsAsJSON(t *testing.T) {
	t.Parallel()
	entries := []entry{
		{Note: "left out: dpdk: dpdk-testpmd is missing"},
		{Row: &told{"ecmp", "4", "drain", row{"web-02 drains", "share of connections lost", "0.250", "0.250", "± 0.13", true}}},
		{Row: &told{"ecmp", "4", "drain", row{"all", verdictsRow, "kept", "none", "none", false}}},
		{Fault: &faultRow{"leak", "FIN does not arrive", "ecmp", verdicts{Red: []string{"sockets"}, Green: []string{"kept"}}, true}},
	}
	var direct, told, again strings.Builder
	here, there := newTable(&direct, false), newTable(&told, true)
	for _, e := range entries {
		here.print(e)
		there.print(e)
	}
	outside := newTable(&again, false)
	for line := range strings.Lines(told.String()) {
		var e entry
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		outside.print(e)
	}
	assert.Equal(t, direct.String(), again.String())
	assert.Contains(t, direct.String(), "| NOK |")
	assert.Equal(t, 1, outside.failures)
	assert.Equal(t, 1, outside.faults)
}

// Two machines tell their rows in turn, and the summary has them by load balancer and IP version.
func TestTableInOrder(t *testing.T) {
	t.Parallel()
	results := newTable(&strings.Builder{}, false)
	for _, from := range []string{"xdp 4", "ecmp 6", "xdp 6", "ecmp 4"} {
		balancer, family, _ := strings.Cut(from, " ")
		results.print(entry{Row: &told{Balancer: balancer, Family: family}})
	}
	var order []string
	for _, r := range results.inOrder() {
		order = append(order, r.Balancer+" "+r.Family)
	}
	assert.Equal(t, []string{"ecmp 4", "ecmp 6", "xdp 4", "xdp 6"}, order)
}
