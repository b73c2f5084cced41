package command_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command"
)

// ctrafficRecording is what ctraffic writes of two connections, one of which was lost after a second.
const ctrafficRecording = `{"Started":"2026-01-21T08:40:08.293474852Z","Duration":3000000000,"Rate":100,"Connections":2,"PacketSize":1024,
	"FailedConnections":1,"Sent":300,"Received":290,"Dropped":3,"Retransmits":1,"FailedConnects":0,"ConnStats":[
	{"Started":1000,"Connect":1000000,"Ended":1000000000,"Err":"i/o timeout","Sent":100,"Received":90,"Local":"10.1.0.1:40000","Remote":"10.0.0.0:5003","Host":"web-1"},
	{"Started":2000,"Connect":1000000,"Ended":3000000000,"Err":"","Sent":200,"Received":200,"Local":"10.1.0.1:40001","Remote":"10.0.0.0:5003","Host":"web-2"}],
	"Samples":[{"Time":1000000000,"Sent":100,"Received":90,"Dropped":0},{"Time":2000000000,"Sent":200,"Received":190,"Dropped":3}]}`

// mconnectRecording is what mconnect -output json writes.
const mconnectRecording = `{"hosts":{"web-1":60,"web-2":40},"connects":100,"failed_connects":0,"failed_reads":0,"start_time":"2026-01-21T08:40:08Z","timeout":1000000000,"duration":500000000}`

// ran is a run of `k6 x mconnect` that has ended.
type ran struct {
	err           error
	code          int // of a tool
	stdout, usage string
	log           string
}

// run runs `k6 x mconnect` with arguments and standard input.
func run(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	gs := state.NewGlobalState(context.Background())
	var stdout, usage, log bytes.Buffer
	gs.Stdin = strings.NewReader(stdin)
	gs.Stdout.Writer = &stdout
	gs.Logger.SetOutput(&log)
	r := ran{}
	gs.OSExit = func(code int) { r.code = code }
	gs.CmdArgs = command.Arguments(append([]string{"k6", "x", "mconnect"}, args...))
	c := command.New(gs)
	c.SetArgs(gs.CmdArgs[3:])
	c.SetOut(&usage)
	c.SetErr(&usage)
	r.err = c.Execute()
	r.stdout, r.usage, r.log = stdout.String(), usage.String(), log.String()
	return r
}

// file writes a recording down.
func file(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// k6 makes the command for every command line; it has subcommands where they can be asked for.
func TestOtherCommandsOfK6StartWithoutTheFlags(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"k6 run test.js":               false,
		"k6 x --help":                  false,
		"k6 x mconnect":                true,
		"k6 help x mconnect flood":     true,
		"k6 __complete x mconnect flo": true,
	} {
		gs := state.NewGlobalState(context.Background())
		gs.CmdArgs = strings.Fields(line)
		assert.Equal(t, want, command.New(gs).HasSubCommands(), line)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := run(t, "")
	require.NoError(t, r.err)
	assert.Contains(t, r.usage, "report      Analyze or draw a recording")
	assert.Contains(t, r.usage, "flood       Connect, read who answers, close")
	r = run(t, "", "report", "--help")
	require.NoError(t, r.err)
	for _, part := range []string{"ctraffic -stats all", "--html file", "--svg directory", "--title string", "--junit file", "--json file", "k6 x mconnect report run.json --html run.html"} {
		assert.Contains(t, r.usage, part)
	}
}

// Recordings of others are told in words, from a file as from standard input.
func TestReportInWords(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		recording string
		says      []string
	}{
		"ctraffic": {ctrafficRecording, []string{"web-1", "web-2", "300"}},
		"mconnect": {mconnectRecording, []string{"web-1", "60", "web-2", "40", "100"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := run(t, "", "report", file(t, "run.json", row.recording))
			require.NoError(t, read.err)
			piped := run(t, row.recording, "report", "-")
			require.NoError(t, piped.err)
			assert.Equal(t, read.stdout, piped.stdout)
			for _, part := range row.says {
				assert.Contains(t, read.stdout, part)
			}
		})
	}
}

// With --html and --svg it draws instead, under the title that is given, or the recording's name.
func TestReportInPictures(t *testing.T) {
	t.Parallel()
	recording := file(t, "run.json", ctrafficRecording)
	for name, row := range map[string]struct {
		file, title string // option --title
		heading     string
	}{
		"named by its file": {recording, "", "<title>run.json</title>"},
		"standard input":    {"-", "", "<title>standard input</title>"},
		"given":             {recording, "Before & after", "<title>Before &amp; after</title>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			page, charts := filepath.Join(dir, "run.html"), filepath.Join(dir, "new", "charts")
			r := run(t, ctrafficRecording, "report", row.file, "--html", page, "--svg", charts, "--title", row.title)
			require.NoError(t, r.err)
			assert.Empty(t, r.stdout)
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			assert.Contains(t, string(text), row.heading)
			assert.Contains(t, string(text), "web-1")
			drawn, err := filepath.Glob(filepath.Join(charts, "*.svg"))
			require.NoError(t, err)
			assert.Contains(t, drawn, filepath.Join(charts, "traffic-connections.svg"))
			for _, name := range drawn {
				svg, err := os.ReadFile(name)
				require.NoError(t, err)
				assert.True(t, strings.HasPrefix(string(svg), "<svg"), name)
			}
		})
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// Text that nobody can have read is an error.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"preflight --connections 10", "script flood web:80", "report " + file(t, "run.json", ctrafficRecording)} {
		gs := state.NewGlobalState(context.Background())
		gs.Stdout.Writer = full{}
		gs.CmdArgs = append([]string{"k6", "x", "mconnect"}, strings.Fields(line)...)
		c := command.New(gs)
		c.SetArgs(gs.CmdArgs[3:])
		assert.ErrorIs(t, c.Execute(), syscall.ENOSPC, line)
	}
}

// What it can't do, it says, with what would help.
func TestReportErrors(t *testing.T) {
	t.Parallel()
	recording := file(t, "run.json", ctrafficRecording)
	taken := file(t, "taken", "")
	missing := filepath.Join(t.TempDir(), "none", "run.json")
	for name, row := range map[string]struct {
		stdin string
		args  []string
		says  []string
	}{
		"a part less":     {"", []string{"report", recording, "--parts", "2"}, []string{"want 2 recordings with calls, got 1 (run.json)", "was not fetched"}},
		"a part more":     {"", []string{"report", recording, file(t, "old.json", mconnectRecording), "--parts", "1"}, []string{"want 1 recordings with calls, got 2 (run.json, old.json)", "another run"}},
		"an empty part":   {"", []string{"report", recording, file(t, "none.json", `{"connects":0,"by_call":[]}`), "--parts", "2"}, []string{"got 1 (run.json, none.json)", "has not run"}},
		"no recording":    {"", []string{"report"}, []string{"got 0 files", "k6 x mconnect report run.json"}},
		"stdin twice":     {"", []string{"report", "-", recording, "-"}, []string{"twice", "want it once"}},
		"the same twice":  {"", []string{"report", recording, file(t, "copy.json", " "+ctrafficRecording)}, []string{"copy.json", "the same recording as", "want each one once"}},
		"one of two":      {"", []string{"report", recording, missing}, []string{"can't read the recording", missing}},
		"missing":         {"", []string{"report", missing}, []string{"can't read the recording", missing}},
		"no JSON":         {"Hello", []string{"report", "-"}, []string{`can't read "-"`}},
		"other JSON":      {"", []string{"report", file(t, "other.json", `{"name":"x","version":1}`)}, []string{"other.json", "name, version"}},
		"no page":         {"", []string{"report", recording, "--html", missing}, []string{"--html: ", missing}},
		"no chart either": {"", []string{"report", file(t, "run.json", mconnectRecording), "--html", missing, "--json", missing, "--svg", taken}, []string{"--html: ", "--json: ", "--svg: "}},
		"no directory":    {"", []string{"report", recording, "--svg", taken}, []string{"--svg: ", taken}},
		"unknown option":  {"", []string{"report", recording, "--pdf", "x"}, []string{"unknown flag: --pdf"}},
		"unknown":         {"", []string{"draw"}, []string{`unknown command "draw"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, row.stdin, row.args...)
			for _, part := range row.says {
				assert.ErrorContains(t, r.err, part)
			}
			assert.Empty(t, r.stdout)
		})
	}
}

// A chart that can't be written is an error, too.
func TestReportIntoAFolderInTheWay(t *testing.T) {
	t.Parallel()
	charts := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(charts, "traffic-connections.svg"), 0o700))
	r := run(t, "", "report", file(t, "run.json", ctrafficRecording), "--svg", charts)
	assert.ErrorContains(t, r.err, "--svg: ")
}

// What was added up already counts twice together with its parts, which is said.
func TestReportOfASumAndItsParts(t *testing.T) {
	t.Parallel()
	const call = `{"calls":1,"connects":2,"start_time":"2026-01-21T08:40:08.1Z","by_call":[{"call":"flood","targets":["web:80"],"asked":2,"begun":2,"established":2,"answered":2,"answers":true,"start_time":"2026-01-21T08:40:08.1%dZ"}]}`
	parts := []string{file(t, "a.json", fmt.Sprintf(call, 1)), file(t, "b.json", fmt.Sprintf(call, 2))}
	sum := filepath.Join(t.TempDir(), "sum.json")
	r := run(t, "", "report", parts[0], parts[1], "--json", sum, "--parts", "2")
	require.NoError(t, r.err)
	assert.Empty(t, r.log)
	r = run(t, "", "report", sum, parts[0])
	require.NoError(t, r.err)
	for _, part := range []string{"sum.json", "a.json", "flood()", "2026-01-21T08:40:08.11Z", "counts twice"} {
		assert.Contains(t, r.log, part)
	}
}

// The error says where it is told which verdict does not hold.
func TestReportOfAFailure(t *testing.T) {
	t.Parallel()
	recording, page := filepath.Join(t.TempDir(), "run.json"), filepath.Join(t.TempDir(), "page.html")
	run(t, "", "flood", "127.0.0.1:1", "--json", recording)
	r := run(t, "", "report", recording)
	assert.ErrorContains(t, r.err, "1 verdict does not hold; the summary says which, and why")
	r = run(t, "", "report", recording, "--html", page)
	assert.ErrorContains(t, r.err, "1 verdict does not hold; what was written, or report without --html and the like, says which, and why")
}

// resultOf is what a script writes of a result, with a verdict that does not hold.
func resultOf(figures, verdict string) string {
	return fmt.Sprintf(`{%s,"start_time":"2026-01-21T08:40:08Z","timeout":2005,"duration":500,"ok":false,"verdicts":[`+
		`{"name":"complete","ok":true,"text":"all were begun"},{"name":%q,"ok":false,"text":"0 of 5, since web-7 is down"}]}`, figures, verdict)
}

// The verdicts of results alone decide, alone and together with others, and in what is written of them.
func TestReportOfFailedResults(t *testing.T) {
	t.Parallel()
	const flooded = `"hosts":{"web-1":2},"connects":5,"failed_connects":2,"failed_reads":1,"states":{"completed":2,"error":3},"errors":{"refused":2,"no_reply":1}`
	const held = `"connects":5,"failed_connects":1,"established_total":4,"established_max":4,"established_at_close":1,"needless":3,"excused":0,"closed_by":{"fin":3,"rst":0}`
	const traffic = `"packet_size":1024,"network":"tcp","targets":["vip:5003"],"connections":5,"lost":7,"lasting":4,"reconnects":6,"sent":10,"received":8,"samples":[]`
	for name, row := range map[string]struct {
		result, verdict string
		says            []string
	}{
		"flood":   {flooded, "answered", []string{"flood", "asked 5", "established 3 60 %", "answered 2 66.67 %", "✗ answered 0 of 5, since web-7 is down"}},
		"hold":    {held, "kept", []string{"hold", "asked 5", "established 4 80 %", "held at the end 1 25 %", "closed by peer 3", "✗ kept 0 of 5, since web-7 is down"}},
		"traffic": {traffic, "recovered", []string{"traffic to vip:5003", "asked 5", "up at the end 4 80 %", "✗ recovered 0 of 5, since web-7 is down"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recording := file(t, "result.json", resultOf(row.result, row.verdict))
			other := file(t, "other.json", strings.ReplaceAll(resultOf(row.result, row.verdict), "08:40", "08:50"))
			sum, suites := filepath.Join(t.TempDir(), "sum.json"), filepath.Join(t.TempDir(), "sum.xml")
			for what, files := range map[string][]string{
				"alone": {recording}, "with mconnect's": {recording, file(t, "mconnect.json", mconnectRecording)}, "of two": {recording, other},
			} {
				r := run(t, "", append([]string{"report"}, files...)...)
				require.ErrorContains(t, r.err, "1 verdict does not hold", what)
			}
			r := run(t, "", "report", recording)
			for _, part := range row.says {
				assert.Contains(t, strings.Join(strings.Fields(r.stdout), " "), part)
			}
			require.Error(t, run(t, "", "report", recording, "--json", sum, "--junit", suites).err)
			require.Error(t, run(t, "", "report", sum).err, "the sum has the verdicts, too")
			text, err := os.ReadFile(suites) // #nosec G304 -- of the test's own
			require.NoError(t, err)
			assert.Contains(t, string(text), `tests="2" failures="1"`)
		})
	}
}

// mconnect's output is told beside recordings that have calls, and failures in it are warned of, since it has no verdicts.
func TestReportOfMconnectBesideCalls(t *testing.T) {
	t.Parallel()
	failing := file(t, "failing.json", strings.Replace(mconnectRecording, `"failed_reads":0`, `"failed_reads":9`, 1))
	good := file(t, "good.json", strings.Replace(resultOf(`"hosts":{"web-9":5},"connects":5,"failed_connects":0,"failed_reads":0`, "answered"), `"ok":false,"text":"0`, `"ok":true,"text":"5`, 1))
	r := run(t, "", "report", good, failing)
	require.NoError(t, r.err)
	for _, part := range []string{"web-9", "web-1", "web-2", "asked 105", "answered 96"} {
		assert.Contains(t, strings.Join(strings.Fields(r.stdout), " "), part)
	}
	assert.Contains(t, r.log, `failing.json\" has 9 connections that failed or were lost, and no verdicts`)
	assert.NotContains(t, r.log, "good.json")
	assert.Empty(t, run(t, "", "report", file(t, "well.json", mconnectRecording)).log)
}

// A part of a test in which nothing ran is missed.
func TestReportOfARecordingWithoutCalls(t *testing.T) {
	t.Parallel()
	r := run(t, "", "report", file(t, "a.json", mconnectRecording), file(t, "b.json", `{"hosts":{},"connects":0,"failed_connects":0,"failed_reads":0,"start_time":"0001-01-01T00:00:00Z","timeout":0,"duration":0,"by_call":[]}`))
	require.NoError(t, r.err)
	assert.Contains(t, r.log, `b.json\" has no calls`)
	assert.NotContains(t, r.log, "a.json")
}

// Of several files, those that can be written are.
func TestReportIntoOneOfTwoFiles(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(t.TempDir(), "kept.json")
	r := run(t, "", "report", file(t, "run.json", ctrafficRecording), "--html", filepath.Join(t.TempDir(), "none", "run.html"), "--json", kept)
	assert.ErrorContains(t, r.err, "--html: ")
	assert.FileExists(t, kept)
}
