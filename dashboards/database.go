package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// database is what Grafana asks, in its language.
type database struct {
	name  string // for people
	kind  string // Grafana's name of the data source's kind
	times string // the unit in which k6 stores times there

	text    func(q *query) string // the question in the database's language, "" if it can't be asked
	query   func(q *query, refID string, as shape) cog.Builder[variants.Dataquery]
	column  func(q *query, refID string, only bool) string // the name that Grafana gives to the answer's numbers in a table; only: the panel asks nothing else
	values  func(tag string) string                        // the question for all values of a tag
	changes func(source common.DataSourceRef) *dashboard.AnnotationQueryBuilder

	// manyTimes: the rows of two answers have different times, so they become one row only without them.
	manyTimes bool
}

var databases = []*database{prometheusDB, influxDB}

func (db *database) file() string { return "mconnect-" + db.kind + ".json" }

// source is the data source that is chosen at the top of the dashboard.
func (db *database) source() common.DataSourceRef {
	return common.DataSourceRef{Type: &db.kind, Uid: new("${source}")}
}

// shape is how a panel wants the answer.
type shape int

const (
	overTime shape = iota // lines
	rows                  // a table, with a column for each tag
	parts                 // a single number for each value of a tag
)

// query is one question of a panel, in the language of each database.
type query struct {
	name             string   // of the line or column; {tag} stands for a tag's value
	by               []string // the tags that tell the answer's rows or lines apart
	promQL, influxQL string
}
