package picture

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// A half of the page's width beside which there is no other is told from others, so that it can fill its row.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for charts, want := range map[string]string{
		"":      "",
		"h":     "lone",
		"hh":    " | ",
		"hhh":   " |  | lone",
		"w":     "wide",
		"whwhh": "wide | lone | wide |  | ",
	} {
		var s Section
		for _, kind := range charts {
			c := Chart{drawing: &bars{}}
			if kind == 'w' {
				c.drawing = &timeline{}
			}
			s.Charts = append(s.Charts, c)
		}
		var places []string
		for _, p := range s.placed() {
			places = append(places, p.Place)
		}
		assert.Equal(t, want, strings.Join(places, " | "), charts)
	}
}

// Rows of facts are of about the same length: 9 are 5 and 4, not 8 and 1.
func TestFactsInRow(t *testing.T) {
	t.Parallel()
	for facts, want := range map[int]int{1: 1, 8: 8, 9: 5, 13: 7, 16: 8, 17: 6} {
		assert.Equal(t, want, inRow(make([]Fact, facts)), "%d facts", facts)
	}
}

// Wherever a page has a number and its unit, no line is broken between them.
func TestUnitsStayWithTheirNumbers(t *testing.T) {
	t.Parallel()
	page := &Page{
		Title:  "p",
		Judged: []Judged{{Title: "j", Lines: []Judgement{{Name: "connected", Text: "82.27 % of them, within 3 ms"}, {Name: "kept", OK: true, Text: "99.5 % of them"}}}},
		Sections: []Section{{
			Facts: []Fact{{"connect", "1 ms / 3.97 ms", ""}}, Notes: []string{"refused after 5 ms"},
			Charts: []Chart{{
				Name: "c", Title: "t", Description: "the largest 33.3 %", Table: Table{Columns: []string{"at"}, Rows: [][]string{{"2 s"}}},
				drawing: &bars{rows: []bar{{name: "web-1", text: "33.3 %", parts: []part{{plain, 1}}}}},
			}},
		}},
	}
	text, err := page.HTML()
	require.NoError(t, err)
	root, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	loose := regexp.MustCompile(`\d (%|ms|s)`)
	tied := 0
	look := func(what, text string) {
		assert.NotRegexp(t, loose, text, what)
		tied += strings.Count(text, "\u00a0")
	}
	for node := range root.Descendants() {
		if node.Type == html.TextNode && node.Parent.Data != "style" {
			look(fmt.Sprintf("<%s>", node.Parent.Data), node.Data)
		}
		for _, a := range node.Attr {
			if a.Key == "title" {
				look("title", a.Val)
			}
		}
	}
	assert.Equal(t, 11, tied)
}
