package module

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/summary"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// handedData is what summary() needs of that which k6 hands to handleSummary().
type handedData struct {
	Options struct {
		NoColor bool `json:"noColor"`
	} `json:"options"`
	Metrics map[string]handedMetric `json:"metrics"`
}

type handedMetric struct {
	Type       string             `json:"type"`
	Contains   string             `json:"contains"`
	Values     map[string]float64 `json:"values"`
	Thresholds map[string]struct {
		OK bool `json:"ok"`
	} `json:"thresholds"`
}

// handed reads what k6 hands to handleSummary().
func handed(data sobek.Value) (*handedData, error) {
	const want = "want what k6 hands to handleSummary(), as in: export const handleSummary = summary()"
	if data == nil || sobek.IsUndefined(data) || sobek.IsNull(data) {
		return nil, fmt.Errorf("got no data; %s", want)
	}
	text, err := json.Marshal(data.Export())
	if err != nil {
		return nil, fmt.Errorf("got data that can't be read (%w); %s", err, want)
	}
	var d handedData
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("got other data (%w); %s", err, want)
	}
	return &d, nil
}

// thresholds are those of all metrics.
func (d *handedData) thresholds() []summary.Threshold {
	var all []summary.Threshold
	for _, name := range slices.Sorted(maps.Keys(d.Metrics)) {
		m := d.Metrics[name]
		for _, source := range slices.Sorted(maps.Keys(m.Thresholds)) {
			all = append(all, summary.Threshold{Metric: name, Source: source, OK: m.Thresholds[source].OK, Empty: m.empty(), Value: m.value(source)})
		}
	}
	slices.SortStableFunc(all, func(a, b summary.Threshold) int { // those that are crossed last, next to the prompt
		return cmp.Compare(rank(a.OK), rank(b.OK))
	})
	return all
}

func rank(ok bool) int {
	if ok {
		return 0
	}
	return 1
}

// empty reports whether the metric had no samples. A counter without is 0, and of a gauge that is not known.
func (m *handedMetric) empty() bool {
	switch m.Type {
	case "rate":
		passes, known := m.Values["passes"]
		return known && passes+m.Values["fails"] == 0
	case "trend":
		some := func(v float64) bool { return v != 0 }
		return m.Contains == "time" && len(m.Values) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(m.Values)), some) // what is measured takes some time
	}
	return false
}

var verdictTag = regexp.MustCompile(`[{,]\s*verdict:([^,}]*)`)

// noVerdicts are the verdicts that metrics of thresholds name and that do not exist. Such a threshold holds for ever.
func (d *handedData) noVerdicts() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(d.Metrics)) {
		m := verdictTag.FindStringSubmatch(name)
		if m != nil && len(d.Metrics[name].Thresholds) > 0 && !slices.Contains(verdicts.Names, strings.TrimSpace(m[1])) {
			all = append(all, name)
		}
	}
	return all
}

// value is what a threshold looks at, in words; "" if k6 does not hand it.
func (m *handedMetric) value(source string) string {
	if m.empty() {
		return "no samples"
	}
	name := strings.TrimSpace(source)
	if end := strings.IndexAny(name, "<>=! "); end > 0 {
		name = name[:end]
	}
	v, known := m.Values[name]
	switch {
	case !known && m.Type == "trend":
		return fmt.Sprintf("(its value is shown if summaryTrendStats has '%s')", name)
	case !known:
		return ""
	case name == "rate" && m.Type == "rate":
		return fmt.Sprintf("%s=%.2f%%", name, 100*v)
	case m.Contains == "time" && name != "count" && name != "rate":
		return fmt.Sprintf("%s=%s", name, time.Duration(v*float64(time.Millisecond)).Round(time.Microsecond))
	}
	return fmt.Sprintf("%s=%.6g", name, v)
}
