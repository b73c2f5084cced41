package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// transformations make one table of a panel's answers: a row for the values of the tags, a column with the name of each question.
func (p *panel) transformations(db *database) []dashboard.DataTransformerConfig {
	switch p.look {
	case list, bars:
		return p.toTable(db)
	case matrix:
		return p.toMatrix(db)
	default:
		return nil
	}
}

func (p *panel) toTable(db *database) []dashboard.DataTransformerConfig {
	asked := p.asked(db)
	order, renamed := options{}, options{}
	for i, tag := range asked[0].by {
		order[tag] = i // Grafana gives InfluxDB's tags in another order each time
	}
	for i, q := range asked {
		if column := db.column(&q, refID(i), len(asked) == 1); column != q.name {
			renamed[column] = q.name
		}
	}
	var all []dashboard.DataTransformerConfig
	if db.manyTimes {
		all = append(all, transform("filterFieldsByName", options{"exclude": options{"names": []string{"Time"}}}))
	}
	// "merge" needs a column that all answers have. Prometheus' time is the only one that an empty answer has, so it goes afterwards.
	all = append(all,
		transform("merge", options{}),
		transform("organize", options{"excludeByName": options{"Time": true}, "indexByName": order, "renameByName": renamed}),
	)
	if p.ratio != "" {
		all = append(all, transform("calculateField", options{
			"mode": "binary", "alias": p.ratio, "binary": options{"left": asked[0].name, "operator": "/", "right": asked[1].name},
		}))
	}
	return all
}

// matrixValue is the column that a matrix is made of.
const matrixValue = "Value"

func (p *panel) toMatrix(db *database) []dashboard.DataTransformerConfig {
	var all []dashboard.DataTransformerConfig
	if column := db.column(&p.queries[0], refID(0), true); column != matrixValue {
		// A copy. The original has a name for people, which would stand above each column of the matrix.
		all = append(all, transform("calculateField", options{
			"mode": "reduceRow", "alias": matrixValue, "reduce": options{"reducer": "last", "include": []string{column}},
		}))
	}
	return append(all, transform("groupingToMatrix", options{
		"rowField": "from", "columnField": "to", "valueField": matrixValue, "emptyValue": "null",
	}))
}

type options map[string]any

func transform(id string, o options) dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: id, Options: o}
}
