// Command dashboards writes the Grafana dashboards of xk6-mconnect: one for Prometheus and one for InfluxDB, with the same panels.
// `make dashboards` runs it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	for _, db := range databases {
		text, err := render(db)
		if err == nil {
			err = os.WriteFile(db.file(), text, 0o644) // #nosec G306 -- it is published
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "dashboards: %s: %s\n", db.file(), err)
			os.Exit(1)
		}
	}
}

// render is the dashboard of a database, as Grafana imports it.
func render(db *database) ([]byte, error) {
	board, err := build(db)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(board, "", "  ")
	return append(text, '\n'), err
}
