package summary

import (
	"io"
	"os"

	"golang.org/x/term"
)

// StyleOf is the style that fits what a text is written to: a terminal's width, and colours unless the environment forbids them (NO_COLOR, a
// dumb terminal); else DefaultWidth without colours.
func StyleOf(w io.Writer) Style {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) { // #nosec G115 -- descriptors are small
		return Style{}
	}
	s := Style{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil { // #nosec G115 -- as above
		s.Width = width
	}
	return s
}
