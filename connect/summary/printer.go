package summary

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// printer lays text out in lines.
type printer struct {
	out   strings.Builder
	width int
	color bool
}

func newPrinter(s Style) *printer {
	width := s.Width
	if width <= 0 {
		width = DefaultWidth
	}
	return &printer{width: min(max(width, MinWidth), maxWidth), color: s.Color}
}

// shade is a colour of a terminal: one of those that every terminal has, and that its user has chosen.
type shade string

const (
	plain shade = ""
	bold  shade = "1"
	faint shade = "2"
	red   shade = "31"
	green shade = "32"
	cyan  shade = "36"
)

func (p *printer) in(s shade, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (p *printer) line(text string) {
	p.out.WriteString(strings.TrimRight(text, " "))
	p.out.WriteByte('\n')
}

// heading begins a part.
func (p *printer) heading(title string) {
	p.line("")
	for i, line := range wrap(title, p.width-4) {
		if i == 0 {
			p.line("  " + p.in(cyan, "█ ") + p.in(bold, line))
		} else {
			p.line("    " + p.in(bold, line))
		}
	}
	p.line("")
}

// nameWidth is the width of the names of rows.
const nameWidth = 16

// row is a name, and text that goes on beneath itself.
func (p *printer) row(name, text string) { p.marked(plain, "", name, text) }

// marked is a row with a mark before it.
func (p *printer) marked(s shade, mark, name, text string) {
	head := "    " + pad(name, nameWidth) + " "
	if mark != "" {
		head = "    " + p.in(s, mark) + " " + pad(name, nameWidth-2) + " "
	}
	for i, line := range wrap(text, p.width-5-nameWidth) {
		if i == 0 {
			p.line(head + line)
		} else {
			p.line(strings.Repeat(" ", 5+nameWidth) + line)
		}
	}
}

// ok marks what holds, or does not.
func (p *printer) ok(ok bool, name, text string) {
	if ok {
		p.marked(green, "✓", name, text)
	} else {
		p.marked(red, "✗", name, text)
	}
}

// pad makes a text so wide; a longer one is cut.
func pad(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if n > width {
		return string([]rune(text)[:width-1]) + "…"
	}
	return text + strings.Repeat(" ", width-n)
}

// padLeft is pad, on the other side.
func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0)) + text
}

// wrap breaks a text into lines of at most so many columns, at spaces but those between a number and its unit, or else within a word.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsFuncSeq(units.Tie(quote.Printable(text)), isBreak) {
		word = strings.ReplaceAll(word, noBreak, " ") // in the end a usual space, which people look for
		for utf8.RuneCountInString(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

const noBreak = "\u00a0"

// isBreak reports whether lines may be broken at a character.
func isBreak(r rune) bool { return unicode.IsSpace(r) && string(r) != noBreak }

// counted is a number with a word that agrees.
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
