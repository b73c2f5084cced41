//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

var (
	length = regexp.MustCompile(`(?m), [\d.]+ (µs|ms|s)$`) // of calls, in their headings
	times  = regexp.MustCompile(`(?m)^.* (µs|ms)\b.*$`)
	rate   = regexp.MustCompile(`\d+ a second`)
)

// told is what a summary says of calls, in one line, without times and rates, which no two runs have in common.
func told(text string) string {
	text = length.ReplaceAllString(text, "")
	text = times.ReplaceAllString(text, "")
	return strings.Join(strings.Fields(rate.ReplaceAllString(text, "N a second")), " ")
}

// A threshold on a verdict that is misspelt holds for ever, which is said.
func TestThresholdOnNoVerdict(t *testing.T) {
	t.Parallel()
	k := runK6(t, "test/testdata/misspelt.js")
	assert.Equal(t, exitOK, k.code, "%s", k.stderr)
	assert.Contains(t, k.stdout.String(), "– mconnect_verdict_failed{verdict:keppt} 'rate==0' no samples")
	assert.Contains(t, k.stderr.String(), "the threshold on mconnect_verdict_failed{verdict:keppt} never fails: there is no verdict of that name")
	assert.NotContains(t, k.stderr.String(), "verdict:kept")
}

// Recordings of four instances, each of which ran a quarter of the test, amount to what one run with all of it amounts to: the same
// totals, shares, balance and verdicts.
func TestInstancesAddUp(t *testing.T) {
	targets := startResponder(t, server.Options{Hostname: "web-1"}) + "," + startResponder(t, server.Options{Hostname: "web-2"})
	dir := t.TempDir()
	for name, row := range map[string]struct {
		expect string
		exit   int
		says   []string
	}{
		"all is well": {`{"hosts":["web-1","web-2"],"balance":true}`, exitOK, []string{"asked 160", "answered 160 100 %", "web-1 80 50 % 50 %", "✓ balance all 4 calls", "over all 4 calls"}},
		"one is not":  {`{"hosts":["web-1","web-2","web-3"]}`, exitThresholds, []string{"✗ hosts all 4 calls; the first: 2 of 3 expected hosts answered; no answer came from web-3"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			run := func(to string, args ...string) string {
				k := runK6(t, append(args, "-e", "TARGETS="+targets, "-e", "EXPECT="+row.expect, "-e", "OUT="+to, "test/testdata/instances.js")...)
				require.Equal(t, row.exit, k.code, "%s", k.stderr)
				return to + ".json"
			}
			var parts []string
			for i := range 4 {
				segment := fmt.Sprintf("%d/4:%d/4", i, i+1)
				parts = append(parts, run(fmt.Sprintf("%s-%d", out, i), "--execution-segment", segment, "--execution-segment-sequence", "0,1/4,2/4,3/4,1"))
			}
			whole := run(out)
			merged := reportCommand(t, parts...)
			assert.Equal(t, row.exit, merged.wait(t), "%s", merged.stderr)
			one := reportCommand(t, whole)
			assert.Equal(t, row.exit, one.wait(t), "%s", one.stderr)
			assert.Equal(t, told(one.stdout.String()), told(merged.stdout.String()))
			for _, part := range row.says {
				assert.Contains(t, told(merged.stdout.String()), part)
			}
			var sum, alone report
			all := filepath.Join(dir, "all.json")
			assert.Equal(t, row.exit, reportCommand(t, append([]string{"--json", all}, parts...)...).wait(t))
			readJSON(t, all, &sum)
			readJSON(t, whole, &alone)
			assert.Equal(t, alone.Hosts, sum.Hosts)
			assert.Equal(t, alone.Connects, sum.Connects)
			assert.Equal(t, alone.States, sum.States)
			assert.InEpsilon(t, alone.Balance.PValue, sum.Balance.PValue, 1e-9)
			alone.Balance.PValue = sum.Balance.PValue
			assert.Equal(t, alone.Balance, sum.Balance)
		})
	}
}

// Traffic of four instances, of which each loses half of its connections when a backend goes for good, is judged as that of one run with all
// of it is: the same totals, losses, outage and verdicts.
func TestTrafficOfInstancesAddsUp(t *testing.T) {
	t.Parallel()
	const connections, lost = 40, 20
	verdict := regexp.MustCompile(`[✓✗] (complete|connected|kept|recovered|loss|recovery) +(\d+ of \d+ (?:connections|packets)|the longest of 1 outage)?`)
	run := func(t *testing.T, segments []string) (sum *recording.Call, judged [][]string) {
		t.Helper()
		goes, err := server.Start(server.Options{Address: "127.0.0.1:0", Echo: "127.0.0.1:0", Hostname: "web-2"})
		require.NoError(t, err)
		t.Cleanup(goes.Close)
		stays, err := server.Start(server.Options{Address: "127.0.0.1:0", Echo: "127.0.0.1:0", Hostname: "web-1"})
		require.NoError(t, err)
		t.Cleanup(stays.Close)
		var files []string
		var instances []*process
		for i, segment := range segments {
			files = append(files, filepath.Join(t.TempDir(), fmt.Sprintf("%d.json", i)))
			instances = append(instances, startK6(t, nil, nil, "--execution-segment", segment, "-e",
				fmt.Sprintf("TARGETS=%s,%s", stays.EchoAddr(), goes.EchoAddr()), "-e", "DURATION=3s", "-e", "OUT="+files[i], "test/testdata/traffic-instances.js"))
		}
		require.Eventually(t, func() bool { return goes.Stats().Echo.Active == lost && goes.Stats().Echo.Sent > 8*1024*lost }, patience, time.Millisecond)
		goes.Close()
		for _, p := range instances {
			require.Equal(t, exitOK, p.wait(t), "%s", p.stderr)
		}
		told := reportCommand(t, files...)
		require.Equal(t, exitThresholds, told.wait(t), "%s", told.stderr)
		_, overAll, found := strings.Cut(told.stdout.String(), "over all 4 calls: traffic")
		require.True(t, found, "%s", told.stdout)
		merged := filepath.Join(t.TempDir(), "all.json")
		reportCommand(t, append([]string{"--json", merged}, files...)...).wait(t)
		var all struct {
			ByCall []*recording.Call `json:"by_call"`
		}
		readJSON(t, merged, &all)
		require.Len(t, all.ByCall, 1)
		return all.ByCall[0], verdict.FindAllStringSubmatch(overAll, -1)
	}
	one, oneJudged := run(t, []string{"0:1"})
	four, fourJudged := run(t, []string{"0:1/4", "1/4:2/4", "2/4:3/4", "3/4:1"})
	require.Len(t, oneJudged, 6)
	assert.Equal(t, oneJudged[:2], fourJudged[:2], "those that hold have no packets in their texts")
	for i, v := range oneJudged {
		assert.Equal(t, v[1], fourJudged[i][1])
		assert.Equal(t, []rune(v[0])[0], []rune(fourJudged[i][0])[0], v[1])
	}
	for _, c := range []*recording.Call{one, four} {
		assert.Equal(t, []int64{4, connections, connections, lost, lost, lost}, []int64{c.Calls, c.Asked, c.Established, c.Lost, c.Held, c.Down})
		assert.Equal(t, connect.Hosts{"web-2": lost}, c.NeedlessByHost)
		require.Len(t, c.Outages, 1)
		assert.EqualValues(t, lost, c.Outages[0].Connections)
	}
}

// On a full disk, what can be written is, and the test fails. Of what can't be, nothing is left that might be taken for the report, and the log has the
// names.
func TestSummaryOnAFullDisk(t *testing.T) {
	need(t, "unshare")
	needs.Root(t, "mount a small disk")
	const onSmallDisk = `mount -t tmpfs -o size=20k none "$0" && echo before > "$0/out.html" && "$@"; code=$?; ls "$0"; exit $code`
	dir := t.TempDir()
	k := awaitK6(t, startK6(t, nil, []string{"unshare", "--mount", "sh", "-c", onSmallDisk, dir},
		"-e", "TARGETS="+startResponder(t, server.Options{Hostname: "web-1"}), "-e", "OUT="+dir+"/out", "test/testdata/instances.js"))
	assert.Equal(t, exitThresholds, k.code, "the files are written before k6 judges thresholds, too")
	assert.Contains(t, k.stderr.String(), "verdict ran failed in summary(): summary() did not run: can't write files that it is asked for: ")
	assert.Contains(t, k.stderr.String(), "can't write files that it is asked for: write "+dir+"/out-charts/")
	assert.Contains(t, k.stderr.String(), "/out.html: no space left on device")
	assert.Regexp(t, "\nout-charts\n(out.json\n)?out.xml\n$", k.stdout.String(), "the files")
}

// k6's own summary stays, and ours follows it, unless it is to be replaced. Files are written either way, and a reader of JUnit files finds
// each verdict and each threshold in them.
func TestSummary(t *testing.T) {
	targets := startResponder(t, server.Options{Hostname: "web-1"})
	for name, row := range map[string]struct {
		replace string
		kept    bool
	}{
		"beside k6's": {"", true}, "in place of k6's": {"1", false},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			k := runK6(t, "-e", "TARGETS="+targets, "-e", "OUT="+out, "-e", "REPLACE="+row.replace, "test/testdata/instances.js")
			require.Equal(t, exitOK, k.code, "%s", k.stderr)
			text := k.stdout.String()
			assert.Equal(t, row.kept, strings.Contains(text, "█ TOTAL RESULTS"), "%s", text)
			for _, part := range []string{"flood to " + targets, "hold to " + targets, "✓ iterations 'count>0' count=4", "✓ mconnect_verdict_failed 'rate==0' rate=0.00%"} {
				assert.Contains(t, text, part)
			}
			assert.Greater(t, strings.Index(text, "flood to"), strings.Index(text, "█ TOTAL RESULTS"), "ours is last")
			suites, err := junit.IngestFile(out + ".xml")
			require.NoError(t, err)
			require.Len(t, suites, 3)
			tests := 0
			for _, s := range suites {
				tests += s.Totals.Passed
			}
			assert.Equal(t, 4+4+3, tests, "verdicts of floods and holds, and thresholds")
			assert.FileExists(t, out+".html")
			assert.FileExists(t, filepath.Join(out+"-charts", "connects-share.svg"))
		})
	}
}
