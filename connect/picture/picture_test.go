package picture_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/picture"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// drawn is what stands in an SVG file.
type drawn struct {
	width, height float64
	texts         []label
	classes       map[string]int // how many paths have a class
	hovers        []string
	title, desc   string
}

type label struct {
	text, anchor string
	x, y, size   float64
}

// readSVG also checks that the file is XML.
func readSVG(t testing.TB, text string) *drawn {
	t.Helper()
	d := &drawn{classes: map[string]int{}}
	var within []xml.StartElement
	tokens := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		require.NoError(t, err, text)
		switch token := token.(type) {
		case xml.StartElement:
			within = append(within, token.Copy())
			d.element(t, token)
		case xml.EndElement:
			within = within[:len(within)-1]
		case xml.CharData:
			if len(within) > 1 {
				d.characters(within, string(token))
			}
		}
	}
}

func (d *drawn) element(t testing.TB, e xml.StartElement) {
	t.Helper()
	switch e.Name.Local {
	case "svg":
		_, err := fmt.Sscanf(attr(e, "viewBox"), "0 0 %g %g", &d.width, &d.height)
		require.NoError(t, err)
		assert.Equal(t, "img", attr(e, "role"))
		assert.NotEmpty(t, attr(e, "aria-label"))
	case "path":
		d.classes[attr(e, "class")]++
		assert.NotContains(t, attr(e, "d"), "NaN")
		assert.NotContains(t, attr(e, "d"), "Inf")
	}
	if e.Name.Local == "text" {
		number := func(name string) float64 {
			v, err := strconv.ParseFloat(strings.TrimSuffix(attr(e, name), "px"), 64)
			require.NoError(t, err, name)
			return v
		}
		d.texts = append(d.texts, label{anchor: attr(e, "text-anchor"), x: number("x"), y: d.height + number("y"), size: number("font-size")})
	}
}

func (d *drawn) characters(within []xml.StartElement, text string) {
	text = strings.ReplaceAll(text, "\u00a0", " ") // TestUnitsStayWithTheirNumbers is about these
	switch parent := within[len(within)-2].Name.Local; within[len(within)-1].Name.Local {
	case "text":
		d.texts[len(d.texts)-1].text += text
	case "title":
		if parent == "svg" {
			d.title = text
		} else {
			d.hovers = append(d.hovers, text)
		}
	case "desc":
		d.desc = text
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// room is about where a text stands. Digits and letters of Arial are half as wide as high, on average.
func (l label) room() (left, right, top, bottom float64) {
	width := 0.52 * l.size * float64(len([]rune(l.text)))
	left = l.x
	switch l.anchor {
	case "middle":
		left -= width / 2
	case "end":
		left -= width
	}
	return left, left + width, l.y - 0.75*l.size, l.y + 0.2*l.size
}

func (d *drawn) has(text string) bool {
	for _, l := range d.texts {
		if l.text == text {
			return true
		}
	}
	return false
}

// Whatever the number of backends, no text of a chart lies on another, or reaches over the edge.
func TestLabelsHaveRoom(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 10, 24, 25, 200, 3000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			charts := picture.Draw(report(n), "").SVGs()
			assert.Len(t, charts, 10)
			for name, text := range charts {
				d := readSVG(t, text)
				assert.NotEmpty(t, d.title, name)
				assert.NotEmpty(t, d.desc, name)
				for i, a := range d.texts {
					left, right, top, bottom := a.room()
					assert.True(t, left > -2 && right < d.width+2 && top > -2 && bottom < d.height+2, "%s: %q reaches over the edge", name, a.text)
					for _, b := range d.texts[:i] {
						l, r, u, v := b.room()
						assert.False(t, left < r && l < right && top < v && u < bottom, "%s: %q lies on %q", name, a.text, b.text)
					}
				}
			}
		})
	}
}

// A chart of backends has a bar for each, or, if there are many, for the first and the last and one for those between.
func TestBars(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		backends, bars int
		expected       string
	}{{2, 2, "50 %"}, {24, 24, "4.17 %"}, {25, 24, "4 %"}, {200, 24, "0.5 %"}} {
		t.Run(fmt.Sprint(row.backends), func(t *testing.T) {
			t.Parallel()
			d := readSVG(t, picture.Draw(report(row.backends), "").SVGs()["connects-share"])
			const key = 1
			averages := d.classes["f-ghost"]
			assert.Equal(t, row.bars, d.classes["f-plain"]-key+averages, "bars")
			assert.Equal(t, row.bars, d.classes["s-ink"]-key, "marks of the expected share")
			assert.Equal(t, row.backends > 24, averages == 1)
			assert.Len(t, d.hovers, row.bars)
			assert.True(t, d.has("expected "+row.expected))
		})
	}
}

func TestConnectionsChart(t *testing.T) {
	t.Parallel()
	result := failover(backends(10))
	charts := picture.Draw(&recording.Report{Traffic: []*connect.TrafficResult{result}}, "").SVGs()
	d := readSVG(t, charts["traffic-connections"])
	for _, text := range []string{"Connections over time", "active", "connecting", "lost", "new", "connections", "lost each second", "new each second", "400", "↑ 400", "0 s", "30 s", "60 s", "first loss at 20.3 s, all up again 2.5 s later"} {
		assert.True(t, d.has(text), "text %q", text)
	}
	const key = 1
	assert.Equal(t, 2, d.classes["f-bad"]-key, "a column for each second with losses")
	assert.Len(t, d.hovers, len(result.Samples))
	assert.Contains(t, d.hovers[20], "until 21 s, active ")

	d = readSVG(t, charts["traffic-throughput"])
	for _, text := range []string{"KB/s", "asked for", "received", "dropped", "4k", "packets dropped each second"} {
		assert.True(t, d.has(text), "text %q", text)
	}

	result.Lost, result.FirstLoss, result.LastLoss, result.Recovered = 0, nil, nil, nil
	for i := range result.Samples {
		result.Samples[i].Lost = 0
	}
	d = readSVG(t, picture.Draw(&recording.Report{Traffic: []*connect.TrafficResult{result}}, "").SVGs()["traffic-connections"])
	assert.True(t, d.has("none lost"))
	assert.Zero(t, d.classes["f-shadow faint"])
}

// A day of samples is drawn as a thousand intervals, and no loss gets lost in that.
func TestLongRun(t *testing.T) {
	t.Parallel()
	result := failover(backends(2))
	result.Duration, result.Samples = 24*time.Hour, nil
	for second := range 86_400 {
		result.Samples = append(result.Samples, connect.TrafficSample{Time: time.Duration(second+1) * time.Second, Active: 400})
	}
	result.Samples[50_000].Lost, result.Samples[50_000].Active = 7, 393
	page := picture.Draw(&recording.Report{Traffic: []*connect.TrafficResult{result}}, "")
	text := page.SVGs()["traffic-connections"]
	assert.Less(t, len(text), 100_000)
	d := readSVG(t, text)
	assert.True(t, d.has("24:00:00"))
	assert.True(t, d.has("lost every 87 s"))
	var lost int
	for _, row := range page.Sections[0].Charts[0].Table.Rows {
		if row[4] == "7" {
			lost++
			assert.Equal(t, "393", row[1], "the least that were active")
		}
	}
	assert.Equal(t, 1, lost)
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		values []time.Duration
		texts  []string
	}{
		"over decades": {[]time.Duration{5 * time.Microsecond, 300 * time.Microsecond, 300 * time.Microsecond, 20 * time.Second}, []string{"10 µs", "1 ms", "1 s", "10 s"}},
		"all alike":    {[]time.Duration{20 * time.Millisecond, 20 * time.Millisecond}, []string{"20 ms"}},
		"below 1 µs":   {[]time.Duration{0, 0, 1}, []string{"1 µs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			buckets := stats.BucketsOf(row.values)
			r := &recording.Report{Connects: 1, ConnectTimes: buckets, ConnectTime: recording.SpreadOf(stats.Summarize(row.values))}
			d := readSVG(t, picture.Draw(r, "").SVGs()["connects-time"])
			for _, text := range row.texts {
				assert.True(t, d.has(text), "text %q of %v", text, d.texts)
			}
			var full int
			for _, b := range buckets {
				if b.Count > 0 {
					full++
				}
			}
			assert.Equal(t, full, d.classes["f-plain"], "bars")
		})
	}
}

func TestFlowsMoved(t *testing.T) {
	t.Parallel()
	page := picture.Draw(report(10), "")
	d := readSVG(t, page.SVGs()["disruption-moved"])
	assert.True(t, d.has("14.5 %"))
	assert.True(t, d.has("Flows moved, against the ideal of maglev"))
	assert.Equal(t, 1+1, d.classes["s-ink"], "the ideal's mark, and the legend's")
	facts := make([]string, 0, len(page.Sections[1].Facts))
	for _, f := range page.Sections[1].Facts {
		facts = append(facts, f.Name+" "+f.Value+" "+f.Tone)
	}
	assert.Contains(t, facts, "in excess +4.5 % bad")
	assert.Contains(t, facts, "ideal 10 % ")
}

// With weights, each host is measured by its own; one that should have answered and did not is shown.
func TestSharesByWeight(t *testing.T) {
	t.Parallel()
	r := &recording.Report{Connects: 100, Hosts: connect.Hosts{"a": 80, "b": 20}}
	r.Balance = balance.Of(r.Hosts, map[string]float64{"a": 2, "b": 1, "silent": 1})
	page := picture.Draw(r, "")
	d := readSVG(t, page.SVGs()["connects-share"])
	assert.True(t, d.has("expected by its weight"))
	assert.Equal(t, 3+1, d.classes["s-ink"], "marks, and the legend's")
	assert.Equal(t, [][]string{
		{"a", "80", "80 %", "50 %"},
		{"b", "20", "20 %", "25 %"},
		{"silent", "0", "0 %", "25 %"},
	}, page.Sections[0].Charts[0].Table.Rows)
}

// Several verdicts are compared in a chart of their own, and the last of many have sections.
func TestSeveralVerdicts(t *testing.T) {
	t.Parallel()
	page := picture.Draw(&recording.Report{Disruptions: slices.Repeat(report(4).Disruptions, 50)}, "")
	charts := page.SVGs()
	require.Len(t, page.Sections, 21)
	assert.Len(t, page.Sections[0].Charts[0].Table.Rows, 50)
	d := readSVG(t, charts["disruptions"])
	assert.True(t, d.has("14.5 %"))
	assert.Len(t, d.hovers, 24)
	assert.NotContains(t, charts, "disruption-30-moved")
	assert.Contains(t, charts, "disruption-31-moved")
	assert.Equal(t, "31. Change of backends: without mconnect-deployment-5897ffb75c-001", page.Sections[1].Title)
}

// Several calls have each a section and files of their own.
func TestSeveralCalls(t *testing.T) {
	t.Parallel()
	r := report(2)
	r.Traffic = append(r.Traffic, failover(backends(3)))
	page := picture.Draw(r, "")
	require.Len(t, page.Sections, 4)
	charts := page.SVGs()
	assert.Contains(t, charts, "traffic-1-connections")
	assert.Contains(t, charts, "traffic-2-connections")
	assert.Contains(t, charts, "disruption-moved")
}

const hostile = `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)>]]>&amp;` + "\x00\x1b\u202e\xff"

// isUnreadable reports whether a character can't be seen, or reorders others.
func isUnreadable(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) }

// Names come from others: on the page they are text.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := report(2)
	names := []string{hostile, strings.Repeat("x", 255), "", "javascript:alert(1)"}
	r.Hosts = connect.Hosts{}
	traffic := failover(names)
	traffic.Targets = names
	traffic.First[connect.ClassReset] = connect.Failure{Text: hostile}
	for i, name := range names {
		r.Hosts.Add(name, int64(i+1))
	}
	r.Traffic = []*connect.TrafficResult{traffic}
	r.Disruptions = []recording.Disruption{{Verdict: &disruption.Verdict{
		Model: hostile, Backends: names, Removed: names, Added: names, Flows: 1, Moved: 1, From: map[string]int64{hostile: 1}, To: map[string]int64{hostile: 1},
	}}}
	page := picture.Draw(r, hostile)
	text, err := page.HTML()
	require.NoError(t, err)
	root, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	var shown strings.Builder
	for node := range root.Descendants() {
		switch node.Type {
		case html.TextNode:
			shown.WriteString(node.Data)
		case html.ElementNode:
			assert.NotContains(t, []string{"script", "img", "iframe", "object", "embed", "use", "image", "foreignObject"}, node.Data)
			for _, a := range node.Attr {
				assert.False(t, strings.HasPrefix(a.Key, "on"), "attribute %s", a.Key)
				if a.Key == "href" {
					assert.True(t, strings.HasPrefix(a.Val, "#") || a.Val == "data:,", "link to %s", a.Val)
				}
			}
		}
	}
	assert.Contains(t, shown.String(), `<script>alert(1)</script>`, "the name is shown as it is")
	assert.Contains(t, shown.String(), `\u202e`)
	assert.False(t, strings.ContainsFunc(text, isUnreadable))
	for name, svg := range page.SVGs() {
		readSVG(t, svg)
		assert.NotContains(t, svg, "<script", name)
		assert.False(t, strings.ContainsFunc(svg, isUnreadable), name)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	text, err := picture.Draw(report(200), "Failover of web-3").HTML()
	require.NoError(t, err)
	root, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	elements := map[string]int{}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode {
			elements[node.Data]++
		}
	}
	assert.Equal(t, 10, elements["svg"])
	assert.Equal(t, 10, elements["table"], "a table beneath each chart")
	assert.Equal(t, 3, elements["section"])
	assert.Contains(t, text, "<title>Failover of web-3</title>")
	assert.NotContains(t, strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), "://", "nothing from the network")
	assert.Contains(t, text, "prefers-color-scheme:dark")

	text, err = picture.Draw(&recording.Report{}, "").HTML()
	require.NoError(t, err)
	assert.Contains(t, text, "Nothing has been measured")
}

// Tables are cut where they would make the page heavy.
func TestLongTable(t *testing.T) {
	t.Parallel()
	text, err := picture.Draw(report(3000), "").HTML()
	require.NoError(t, err)
	assert.Contains(t, text, "more</p>")
	assert.Less(t, len(text), 2_000_000)
}

func FuzzNames(f *testing.F) {
	f.Add(hostile, "b", int64(1))
	f.Add("", "\u0301", int64(-5))
	f.Fuzz(func(t *testing.T, a, b string, n int64) {
		r := &recording.Report{Connects: 1, Hosts: connect.Hosts{a: n, b: 1}}
		for _, svg := range picture.Draw(r, a).SVGs() {
			requireXML(t, svg)
		}
	})
}

// A recording may say anything.
func TestNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	numbers := []int64{math.MinInt64, -5, 0, 1, math.MaxInt64}
	for _, n := range numbers {
		for _, at := range numbers {
			r := &recording.Report{Traffic: []*connect.TrafficResult{{
				Connections: n, FirstLoss: new(time.Duration(at)), Samples: []connect.TrafficSample{{Time: time.Duration(at), Active: n, Lost: n}},
			}}}
			for _, svg := range picture.Draw(r, "").SVGs() {
				requireXML(t, svg)
			}
		}
	}
}

func requireXML(t *testing.T, text string) {
	t.Helper()
	var nothing struct{}
	require.NoError(t, xml.Unmarshal([]byte(text), &nothing))
}
