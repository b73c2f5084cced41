package options

import (
	"errors"
	"fmt"
)

// Summary is what a script asks of summary(): files to write, "" for none, and what to print.
type Summary struct {
	HTML, JUnit, JSON string // names of files
	SVG               string // of a directory
	Title             string
	Replace           bool // do not let k6 print its own summary
}

// ParseSummary checks the argument of summary(), which may be nil.
func ParseSummary(options any) (*Summary, error) {
	s := &Summary{Title: "mconnect report"}
	object, _ := options.(map[string]any)
	if _, isData := object["metrics"]; isData {
		return nil, errors.New("summary(): got what k6 hands to handleSummary(), and makes the function for that; want: export const handleSummary = summary()")
	}
	err := parseArgument(options, "{html: 'report.html'}", map[string]setter{
		"html":    fileName(&s.HTML),
		"junit":   fileName(&s.JUnit),
		"json":    fileName(&s.JSON),
		"svg":     fileName(&s.SVG),
		"title":   text(&s.Title),
		"replace": flag(&s.Replace),
	})
	if err != nil {
		return nil, fmt.Errorf("summary(): %w", err)
	}
	return s, nil
}

// fileName leaves out the names that k6 has for something else.
func fileName(to *string) setter {
	return text(to).and(func() error {
		if *to == "stdout" || *to == "stderr" {
			return errors.New("want the name of a file to write")
		}
		return nil
	})
}
