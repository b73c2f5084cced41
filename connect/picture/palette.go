package picture

import (
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strings"
)

// paint is a colour by its meaning. It is the name of a CSS class and of a variable of the page, so that each theme has its own
// shade; the shade of the light theme stands in the picture itself, for programs without style sheets.
type paint string

// The paints.
const (
	ink    paint = "ink"   // text that matters
	muted  paint = "muted" // axes
	grid   paint = "grid"
	plain  paint = "plain" // what is as it should be
	good   paint = "good"
	bad    paint = "bad"
	wary   paint = "wary"   // neither good nor bad: under way
	ghost  paint = "ghost"  // averages of what there is no room for
	shadow paint = "shadow" // behind a time of trouble
	paper  paint = "paper"  // behind everything
)

// shades are light and dark, chosen for at least 4.5:1 (text) and 3:1 (shapes) on the page's background, and to be told apart
// without red or green.
var shades = map[paint][2]uint32{
	ink:    {0x1B2430, 0xE8ECF1},
	muted:  {0x566273, 0xA3AFBD},
	grid:   {0xDFE4EA, 0x2E3843},
	plain:  {0x2B6CB0, 0x63A8EB},
	good:   {0x1F8A70, 0x4CC9A4},
	bad:    {0xC8372D, 0xFF7B6B},
	wary:   {0xA86C00, 0xE5AE45},
	ghost:  {0x93A0B0, 0x66727F},
	shadow: {0xC8372D, 0xFF7B6B},
	paper:  {0xFFFFFF, 0x171D25},
}

// light is the shade that the light theme has.
func (p paint) light() color.Color {
	rgb := shades[p][0]
	return color.NRGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: 255} // #nosec G115 -- takes the bytes apart
}

// css writes a rule for each paint, given the theme: 0 is light, 1 is dark.
func css(theme int, rule string) string {
	var text strings.Builder
	for _, p := range slices.Sorted(maps.Keys(shades)) {
		fmt.Fprintf(&text, rule, p, fmt.Sprintf("#%06X", shades[p][theme]))
	}
	return text.String()
}
