//go:build linux

package e2e

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// ctrafficRecording is what ctraffic writes of a minute of traffic to some backends, the first of which fails after 20 s: its
// connections are lost one by one, and connected again to the next.
func ctrafficRecording(backends, connections int) string {
	const second = 1_000_000_000
	host := func(n int) string { return fmt.Sprintf("backend-%03d", n+1) }
	var list []string
	failed := 0
	connection := func(started, connected, ended int, err, host string) {
		list = append(list, fmt.Sprintf(`{"Started":%d,"Connect":%d,"Ended":%d,"Err":%q,"Sent":600,"Received":600,"Local":"10.1.0.1:40000","Remote":"10.0.0.0:5003","Host":%q}`, started, connected, ended, err, host))
	}
	for i := range connections {
		if on := i % backends; on != 0 {
			connection(1000+i, 1_000_000, 60*second, "", host(on))
			continue
		}
		failed++
		lost := 20*second + 1000*second/connections*i/1000
		connection(1000+i, 1_000_000, lost, "read tcp 10.1.0.1:40000-\u003e10.0.0.0:5003: i/o timeout", host(0))
		connection(lost+1, lost+1_500_000_000, 60*second, "", host(1%backends))
	}
	var samples []string
	for s := 1; s < 59; s++ {
		samples = append(samples, fmt.Sprintf(`{"Time":%d,"Sent":%d,"Received":%d,"Dropped":%d}`, s*second+s*300_000, 4000*s, 4000*s-s/25*200, s/25*150))
	}
	return fmt.Sprintf(`{"Started":"2026-01-21T08:40:08.293474852Z","Duration":%d,"Rate":4000,"Connections":%d,"PacketSize":1024,"FailedConnections":%d,"Sent":240000,"Received":239600,"Dropped":300,"Retransmits":12,"FailedConnects":0,"ConnStats":[%s],"Samples":[%s]}`,
		60*second, connections, failed, strings.Join(list, ","), strings.Join(samples, ","))
}

// drawRecording runs `k6 x mconnect report`, and returns the page and the files of charts.
func drawRecording(t *testing.T, recording string) (page string, charts []string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "run.json")
	page = filepath.Join(dir, "run.html")
	require.NoError(t, os.WriteFile(file, []byte(recording), 0o600))
	p := reportCommand(t, file, "--html", page, "--svg", filepath.Join(dir, "charts"))
	require.Zero(t, p.wait(t), "%s", p.stderr)
	charts, err := filepath.Glob(filepath.Join(dir, "charts", "*.svg"))
	require.NoError(t, err)
	return page, charts
}

// reportCommand starts `k6 x mconnect report`, and keeps k6 from asking for its list of extensions.
func reportCommand(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, nil, slices.Concat([]string{"env", "K6_AUTO_EXTENSION_RESOLUTION=false", k6Path, "x", "mconnect", "report"}, args)...)
}

// Colours that pictures have in each theme: of their background, of bars, and of what was lost.
var paints = map[theme]struct{ desk, paper, ink, plain, bad color.Color }{
	dark:  {rgb(0x0E1319), rgb(0x171D25), rgb(0xE8ECF1), rgb(0x63A8EB), rgb(0xFF7B6B)},
	light: {rgb(0xF3F5F8), rgb(0xFFFFFF), rgb(0x1B2430), rgb(0x2B6CB0), rgb(0xC8372D)},
}

// Pages show their charts in both themes, with few and many backends, and give Chromium no reason to complain.
func TestPagesInABrowser(t *testing.T) {
	for _, backends := range []int{2, 200} {
		page, _ := drawRecording(t, ctrafficRecording(backends, 400))
		for _, preferred := range []theme{dark, light} {
			t.Run(fmt.Sprintf("%d backends, %s", backends, preferred), func(t *testing.T) {
				seen := look(t, page, preferred, 1280, 2400)
				assert.Empty(t, seen.console)
				colours := paints[preferred]
				assert.Greater(t, seen.share(colours.desk, seen.Bounds()), 0.05, "background of the page")
				assert.Greater(t, seen.share(colours.paper, seen.Bounds()), 0.2, "background of charts")
				assert.Greater(t, seen.share(colours.plain, seen.Bounds()), 0.002, "bars and lines")
				assert.Greater(t, seen.share(colours.bad, seen.Bounds()), 0.0005, "losses")
				assert.Greater(t, seen.share(colours.ink, seen.Bounds()), 0.0005, "text")
			})
		}
	}
}

// Each chart that stands alone has content, in both themes.
func TestChartsInABrowser(t *testing.T) {
	_, charts := drawRecording(t, ctrafficRecording(10, 400))
	dir := t.TempDir()
	address := startResponder(t, server.Options{Hostname: "web-1"})
	k := runK6(t, "-e", "TARGET="+address, "-e", "SVG="+dir, "examples/flood.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	flooded, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	require.NoError(t, err)
	charts = append(charts, flooded...)
	names := make([]string, 0, len(charts))
	for _, file := range charts {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".svg"))
	}
	assert.ElementsMatch(t, []string{"traffic-connections", "traffic-throughput", "traffic-lost", "traffic-share", "connects-progress", "connects-reply", "connects-share", "connects-time"}, names)
	for _, preferred := range []theme{dark, light} {
		for i, file := range charts {
			t.Run(names[i]+", "+preferred.String(), func(t *testing.T) {
				width, height := sizeOf(t, file)
				seen := look(t, file, preferred, width, height+100) // some of the window is not the picture's
				assert.Empty(t, seen.console)
				colours := paints[preferred]
				drawn := image.Rect(0, 50, width, height) // below title and legend
				assert.Greater(t, seen.share(colours.paper, drawn), 0.2, "background")
				assert.Less(t, seen.share(colours.paper, drawn), 0.97, "something is drawn")
				assert.Greater(t, seen.share(colours.plain, drawn), 0.0005, "bars or lines")
			})
		}
	}
}

// sizeOf is what a picture says of its size.
func sizeOf(t *testing.T, file string) (width, height int) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	size := regexp.MustCompile(`^<svg [^>]* width="(\d+)[^"]*" height="(\d+)`).FindSubmatch(text)
	require.NotNil(t, size, "%.200s", text)
	width, err = strconv.Atoi(string(size[1]))
	require.NoError(t, err)
	height, err = strconv.Atoi(string(size[2]))
	require.NoError(t, err)
	return width, height
}

const hostileName = `<script>console.error("not text")</script><img src=x onerror=console.error(1)>`

// What servers call themselves is shown, and never run.
func TestHostileNamesInABrowser(t *testing.T) {
	address := startPeer(t, nil, says(hostileName)).address
	page := filepath.Join(t.TempDir(), "report.html")
	k := runK6(t, "-e", "TARGET="+address, "-e", "CONNECTIONS=20", "-e", "HTML="+page, "examples/flood.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "<script")
	assert.NotContains(t, string(text), "<img")
	assert.Contains(t, string(text), "&lt;script&gt;")
	assert.Empty(t, look(t, page, light, 1000, 800).console)
}

// Traffic is in the report's pictures, and its JSON, read back, tells and draws the same.
func TestTrafficIsDrawn(t *testing.T) {
	dir := t.TempDir()
	k := runK6(t, "-e", "OUT="+dir, "test/testdata/pictures.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	page := read("report.html")
	for _, part := range []string{"<h1>A &amp; B</h1>", "Connections over time", "Throughput over time", "Round-trip time of packets", "first loss at", "&lt;b&gt;web-2&lt;/b&gt;", "web-3"} {
		assert.Contains(t, page, part)
	}
	seen := look(t, filepath.Join(dir, "report.html"), light, 1280, 2000)
	assert.Empty(t, seen.console)
	assert.Greater(t, seen.share(paints[light].plain, seen.Bounds()), 0.001)

	again := filepath.Join(dir, "again.html")
	p := reportCommand(t, filepath.Join(dir, "report.json"), "--html", again, "--title", "A & B")
	require.Equal(t, exitThresholds, p.wait(t), "connections were lost: %s", p.stderr)
	assert.Equal(t, page, read("again.html"))
	p = reportCommand(t, filepath.Join(dir, "report.json"))
	require.Equal(t, exitThresholds, p.wait(t), "%s", p.stderr)
	assert.Regexp(t, `(?m)^<b>web-2</b> +5 +0$`, p.stdout.String())
	assert.Regexp(t, `(?m)^web-1 +0 +5$`, p.stdout.String())
}

// The text of a recording has the figures that ctraffic's analyses have.
func TestRecordingAsText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	require.NoError(t, os.WriteFile(file, []byte(ctrafficRecording(4, 40)), 0o600))
	p := reportCommand(t, file)
	require.Zero(t, p.wait(t), "%s", p.stderr)
	for _, line := range []string{
		`Traffic to 10\.0\.0\.0:5003`, `Lost +10`, `Lasting +40`, `Reconnects +10`, `First loss +20s`, `backend-001 +10 +0`, `backend-002 +0 +20`,
		`Time +Active +New +Failed +Connecting +Throughput +Dropped`, `0\.5 +40 +40 +0 +0 `, `59\.5 +40 +0 +0 +0 `,
	} {
		assert.Regexp(t, `(?m)^ *`+line, p.stdout.String())
	}
}

// What is no recording, or can't be written, is refused with what to do about it.
func TestRecordingsThatAreNone(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	good := write("good.json", ctrafficRecording(2, 2))
	for name, row := range map[string]struct {
		args []string
		says []string
	}{
		"no file":           {nil, []string{"got 0 files", "k6 x mconnect report run.json"}},
		"a missing file":    {[]string{filepath.Join(dir, "missing.json")}, []string{"can't read the recording", "missing.json", "no such file"}},
		"an empty file":     {[]string{write("empty.json", "")}, []string{"empty.json", "no recording", "ctraffic -stats all"}},
		"a summary":         {[]string{write("summary.json", `{"PacketSize":1024,"Duration":1000000000,"Sent":5}`)}, []string{"summary.json", "neither ConnStats nor Samples", "-stats all"}},
		"another JSON":      {[]string{write("other.json", `{"name":"x","version":1}`)}, []string{"other.json", "an object with name, version"}},
		"a page nowhere":    {[]string{good, "--html", filepath.Join(dir, "missing", "page.html")}, []string{"--html", "no such file"}},
		"charts in a file":  {[]string{good, "--svg", good}, []string{"--svg", "not a directory"}},
		"an unknown option": {[]string{good, "--pdf", "x"}, []string{"unknown flag: --pdf"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := reportCommand(t, row.args...)
			assert.NotZero(t, p.wait(t))
			for _, part := range row.says {
				assert.Contains(t, strings.ReplaceAll(p.stderr.String(), `\"`, `"`), part)
			}
		})
	}
}

// report() refuses options that it does not know.
func TestReportRefusesOptions(t *testing.T) {
	for name, row := range map[string]struct{ call, says string }{
		"a format":  {`report({format: 'pdf'})`, `option "format": got "pdf"; want 'object', 'html', 'svg'`},
		"a name":    {`report({theme: 'dark'})`, `option "theme" is unknown; want one of format, title`},
		"no title":  {`report({title: ''})`, `option "title"`},
		"no object": {`report('html')`, `got "html"; want an object such as {format: 'html'}`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "script.js")
			require.NoError(t, os.WriteFile(file, []byte("import { report } from 'k6/x/mconnect';\n"+row.call+";\nexport default function () {}\n"), 0o600))
			k := runK6(t, file)
			assert.Equal(t, exitScript, k.code)
			assert.Contains(t, strings.ReplaceAll(k.stderr.String(), `\"`, `"`), row.says)
		})
	}
}
