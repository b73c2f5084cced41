//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
)

// checkSums checks that results, report and metrics account for every connection, once, and tell the same.
func (f *flooded) checkSums(t *testing.T) {
	t.Helper()
	sum := figures{Hosts: map[string]int64{}, Errors: map[string]int64{}}
	for _, r := range f.results {
		r.checkSums(t, "result")
		addAll(sum.Hosts, r.Hosts)
		addAll(sum.Errors, r.Errors)
		sum.Connects += r.Connects
		sum.FailedConnects += r.FailedConnects
		sum.FailedReads += r.FailedReads
		sum.SYNRetransmits += r.SYNRetransmits
	}
	f.Report.checkSums(t, "report()")
	f.checkMetrics(t)
	if int64(len(f.results)) != f.Report.Calls { // an aborted script does not get the results of its last calls
		return
	}
	assert.True(t, maps.Equal(sum.Hosts, f.Report.Hosts), "hosts of report(): %s; of all results: %s", brief(f.Report.Hosts), brief(sum.Hosts))
	assert.Equal(t, sum.Errors, f.Report.Errors, "errors of report()")
	assert.Equal(t, sum.Connects, f.Report.Connects, "connects of report()")
	assert.Equal(t, sum.FailedConnects, f.Report.FailedConnects, "failed_connects of report()")
	assert.Equal(t, sum.FailedReads, f.Report.FailedReads, "failed_reads of report()")
	assert.Equal(t, sum.SYNRetransmits, f.Report.SYNRetransmits, "syn_retransmits of report()")
}

// checkSums checks the figures of calls that have ended, and that read answers.
func (f *figures) checkSums(t *testing.T, of string) {
	t.Helper()
	s := f.States
	assert.Equal(t, f.Connects, s.total(), "%s: the states %+v add up to connects", of, s)
	assert.Equal(t, s.Error, total(f.Errors), "%s: the errors %v add up to states.error", of, f.Errors)
	assert.Equal(t, s.Completed, total(f.Hosts), "%s: the hosts' answers add up to states.completed", of)
	assert.Equal(t, f.Connects, total(f.Hosts)+f.FailedConnects+f.FailedReads+s.NotInitiated, "%s: hosts, failed_connects, failed_reads and not_initiated add up to connects", of)
	assert.Zero(t, s.Dialing+s.Established+s.Closed, "%s: nothing is left open", of)
	for class := range f.Errors {
		assert.NotEmpty(t, f.FirstErrors[class], "%s: the first error of class %s is told", of, class)
	}
}

// checkMetrics compares the metrics of a run with its report.
func (f *flooded) checkMetrics(t *testing.T) {
	t.Helper()
	r, m := &f.Report, f.Metrics
	dialed := r.Connects - r.States.NotInitiated
	connected := dialed - r.FailedConnects
	answered := connected - r.FailedReads
	for name, want := range map[string]int64{
		"mconnect_connects":         dialed,
		"mconnect_connect_failed":   dialed,
		"mconnect_connect_duration": connected,
		"mconnect_reply_failed":     connected,
		"mconnect_reply_duration":   answered,
		"mconnect_replies":          answered,
		"mconnect_syn_retransmits":  r.SYNRetransmits,
	} {
		assert.Equal(t, want, m[name].count(), "values of %s", name)
	}
	assert.Equal(t, r.FailedConnects, int64(m["mconnect_connect_failed"].Values["passes"]), "failures of mconnect_connect_failed")
	assert.Equal(t, r.FailedReads, int64(m["mconnect_reply_failed"].Values["passes"]), "failures of mconnect_reply_failed")
	got := states{
		NotInitiated: int64(f.gauge("mconnect_not_initiated")),
		Dialing:      int64(f.gauge("mconnect_dialing")),
		Established:  int64(f.gauge("mconnect_established")),
		Completed:    int64(f.gauge("mconnect_completed")),
		Closed:       int64(f.gauge("mconnect_closed")),
		Error:        int64(f.gauge("mconnect_error")),
	}
	assert.Equal(t, r.States, got, "last values of the states' gauges")
}

// brief is for maps that may have thousands of names.
func brief(counts map[string]int64) string {
	text := fmt.Sprint(counts)
	return fmt.Sprintf("%d names, %d answers: %s", len(counts), total(counts), text[:min(len(text), 300)])
}

func addAll(to, from map[string]int64) {
	for name, n := range from {
		to[name] += n
	}
}

func total(counts map[string]int64) (sum int64) {
	for n := range maps.Values(counts) {
		sum += n
	}
	return sum
}
