package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
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
			if p.zero != "" && p.look == list && !slices.ContainsFunc(p.queries, func(q query) bool { return q.name == p.zero }) {
				t.Errorf("%s: no column %s", p.title, p.zero)
			}
		}
	}
}

// Grafana merges answers by the names of their columns, so those of two questions in one panel differ, and InfluxDB is asked for its own.
func TestColumns(t *testing.T) {
	t.Parallel()
	for _, db := range databases {
		for _, p := range tables(db) {
			names := map[string]bool{}
			asked := p.asked(db)
			for i, q := range asked {
				column := db.column(&q, refID(i), len(asked) == 1)
				if names[column] {
					t.Errorf("%s, %s: two columns are called %q", db.name, p.title, column)
				}
				names[column] = true
				if text := target(t, db, &q, rows); db == influxDB && !strings.Contains(text, `AS \"`+column+`\" FROM`) {
					t.Errorf("%s: no column %q in %s", p.title, column, text)
				}
			}
		}
	}
}

// The rows of InfluxDB's answers have times that differ, and Prometheus' only say when it was asked.
func TestTimesAreNotMerged(t *testing.T) {
	t.Parallel()
	for db, want := range map[*database][]string{
		influxDB:     {"filterFieldsByName", "merge", "organize"},
		prometheusDB: {"merge", "organize"},
	} {
		for _, p := range tables(db) {
			var got []string
			for _, made := range p.transformations(db) {
				got = append(got, made.Id)
			}
			if p.ratio != "" {
				got = got[:len(got)-1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", db.name, p.title, got, want)
			}
		}
	}
}

// A part of a pie bears the host's name only if its number is a series of its own: from a table it would bear the column's.
func TestPartsHaveNames(t *testing.T) {
	t.Parallel()
	for db, want := range map[*database]string{
		influxDB:     `"alias":"$tag_host"`,
		prometheusDB: `"legendFormat":"{{host}}"`,
	} {
		p := shown(t, db, "Share of the answers by host")
		made, err := p.build(db)
		if err != nil {
			t.Fatal(err)
		}
		if len(made.Transformations) > 0 {
			t.Errorf("%s: %v", db.name, made.Transformations)
		}
		if text := target(t, db, &p.queries[0], parts); !strings.Contains(text, want) || strings.Contains(text, `"table"`) {
			t.Errorf("%s: %s", db.name, text)
		}
	}
}

// The numbers of an InfluxDB answer have a name for people, which a matrix would put above each of its columns.
func TestMatrixIsMadeOfACopy(t *testing.T) {
	t.Parallel()
	p := shown(t, influxDB, "Failed pings, from whom to whom (k6)")
	made := p.transformations(influxDB)
	if len(made) != 2 || made[0].Id != "calculateField" || made[1].Id != "groupingToMatrix" {
		t.Errorf("%v", made)
	}
}

// Links to a panel have its ID.
func TestPanelsHaveIDs(t *testing.T) {
	t.Parallel()
	for _, db := range databases {
		board, err := build(db)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range board.Panels {
			id := uint32(0)
			switch {
			case p.RowPanel != nil:
				id = p.RowPanel.Id
			case p.Panel.Id != nil:
				id = *p.Panel.Id
			}
			if want := uint32(i + 1); id != want {
				t.Errorf("%s: panel %d has ID %d", db.name, want, id)
			}
		}
	}
}

// tables are the panels that the database's answers are merged for.
func tables(db *database) []panel {
	var all []panel
	for _, r := range content {
		for _, p := range r.panels {
			if (p.look == list || p.look == bars) && len(p.asked(db)) > 0 {
				all = append(all, p)
			}
		}
	}
	return all
}

// shown is the panel with a title.
func shown(t *testing.T, db *database, title string) panel {
	t.Helper()
	for _, r := range content {
		for _, p := range r.panels {
			if p.title == title && len(p.asked(db)) > 0 {
				return p
			}
		}
	}
	t.Fatalf("no panel %s", title)
	return panel{}
}

// target is a question as it stands in the file.
func target(t *testing.T, db *database, q *query, as shape) string {
	t.Helper()
	made, err := db.query(q, "A", as).Build()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
