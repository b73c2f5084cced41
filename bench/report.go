package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// report is all that the bench found out.
type report struct {
	Machine machine     `json:"machine"`
	Rounds  int         `json:"rounds"`
	Floods  []floodRow  `json:"floods"`
	Figures []figure    `json:"figures"`
	order   []contender // of the columns
}

// floodRow is how fast the contenders were over one network.
type floodRow struct {
	Network     string `json:"network"`
	Connections int    `json:"connections"`
	Rates       rates  `json:"connections_per_second"`
}

// figure is one measure, and what DESIGN.md, section 7, wants it to be.
type figure struct {
	Name   string  `json:"name"`
	Value  spread  `json:"value"`
	Target float64 `json:"target,omitempty"` // 0 for none
	AtMost bool    `json:"at_most,omitempty"`
	Met    bool    `json:"met"`
}

func newReport(s *settings) *report {
	return &report{Machine: thisMachine(), Rounds: s.rounds, order: contenders(s)}
}

// add judges a figure by its median and appends it.
func (r *report) add(f figure) {
	f.Met = f.Target == 0 || f.Value.Median >= f.Target
	if f.AtMost {
		f.Met = f.Value.Median <= f.Target
	}
	r.Figures = append(r.Figures, f)
}

// addRates takes the rates of one network, and the ratios that are to reach a target.
func (r *report) addRates(network string, connections int, measured rates) {
	r.Floods = append(r.Floods, floodRow{Network: network, Connections: connections, Rates: measured})
	for _, t := range ratioTargets {
		r.add(figure{
			Name:   fmt.Sprintf("%s: %s / %s", strings.ToUpper(network), t.of, t.to),
			Value:  spreadOf(perRound(measured[t.of], measured[t.to])),
			Target: t.atLeast,
		})
	}
}

func (r *report) writeJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the numbers: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil { // #nosec G306 -- for everybody to read
		return fmt.Errorf("writing the numbers, flag -json: %w", err)
	}
	return nil
}
