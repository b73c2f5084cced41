package options

import "fmt"

// The formats of report().
const (
	FormatObject = "object"
	FormatHTML   = "html"
	FormatSVG    = "svg"
)

// Report is what a script asks of report().
type Report struct {
	Format string
	Title  string
}

// ParseReport checks the argument of report(), which may be nil.
func ParseReport(options any) (*Report, error) {
	r := &Report{Format: FormatObject}
	err := parseArgument(options, "{format: 'html'}", map[string]setter{
		"format": oneOf(&r.Format, FormatObject, FormatHTML, FormatSVG),
		"title":  text(&r.Title),
	})
	if err != nil {
		return nil, fmt.Errorf("report(): %w", err)
	}
	return r, nil
}
