package main

import (
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What is committed is what the source makes, and Grafana's schema has all of it.
func TestCommittedDashboards(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	for _, db := range databases {
		t.Run(db.name, func(t *testing.T) {
			t.Parallel()
			want, err := render(db)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(db.file())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s is not what the source makes: run `make dashboards`", db.file())
			}
			var read dashboard.Dashboard //nolint:staticcheck // as in build()
			// Its error is never nil, but has no text if all is well.
			if err := read.UnmarshalJSONStrict(got); err != nil && err.Error() != "" {
				t.Error(err)
			}
		})
	}
}

// A panel without a question, or a number of columns that a ratio can't be made of, would be a mistake in the source.
func TestPanels(t *testing.T) {
	t.Parallel()
	titles := map[string]bool{}
	for _, r := range content {
		for _, p := range r.panels {
			if titles[p.title] {
				t.Errorf("%s: two panels have this title", p.title)
			}
			titles[p.title] = true
			if len(p.queries) == 0 || p.queries[0].promQL == "" {
				t.Errorf("%s: no question", p.title)
			}
			if p.ratio != "" && len(p.queries) != 2 {
				t.Errorf("%s: a ratio is of two numbers", p.title)
			}
		}
	}
}
