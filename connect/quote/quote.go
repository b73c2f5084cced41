// Package quote makes text safe to show that others have chosen: a peer's names, its certificate, its errors, a script's values. What is
// shown stays on its line, leaves the terminal alone and reads from left to right as it was written; long text is cut, whole characters
// at a time.
package quote

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable leaves printable text alone and escapes everything else as Go does (\n, \x1b, \u202e): control characters, invalid UTF-8,
// line separators, and format characters, which reorder text (bidirectional overrides) or can't be seen. Spaces of any width count as
// printable. What a CI system would obey in a job's log is escaped, too. Printable(Printable(s)) is Printable(s).
func Printable(s string) string {
	s = withoutCommands(s)
	plain := printablePrefix(s)
	if plain == len(s) {
		return s
	}
	var out strings.Builder
	out.WriteString(s[:plain])
	for rest := s[plain:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if isPrintable(r, size) {
			out.WriteString(rest[:size])
		} else {
			escaped := strconv.QuoteToASCII(rest[:size])
			out.WriteString(escaped[1 : len(escaped)-1])
		}
		rest = rest[size:]
	}
	return out.String()
}

// printablePrefix is the length of what need not be escaped at the beginning of a text.
func printablePrefix(s string) int {
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		if !isPrintable(r, size) {
			return at
		}
		at += size
	}
	return len(s)
}

func isPrintable(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false // a byte that is not UTF-8
	}
	return Visible(r) || unicode.Is(unicode.Zs, r)
}

// Visible reports whether a character shows something, or is the space. Some letters and marks show nothing (Default_Ignorable_Code_Point
// of Unicode's DerivedCoreProperties.txt, and the blank of Braille): with one of these, two names can look like one.
func Visible(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r <= '~'
	}
	const blankBraille = '\u2800'
	return unicode.IsPrint(r) && r != blankBraille && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Cut shortens a text of more than most bytes, and ends it with "…" then. It cuts neither a character nor an escape sequence in two.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:boundary(s, most)] + "…"
}

// Middle shortens a text of more than most bytes by its middle, in whose place "…" stands: the beginning of an error says what is wrong,
// its end what is accepted.
func Middle(s string, most int) string {
	if len(s) <= most {
		return s
	}
	most = max(most, 0)
	head := most / 3
	tail := len(s) - (most - head)
	end := boundary(s, tail)
	if end < tail { // what straddles the cut belongs to the middle
		end += unit(s[end:])
	}
	return s[:boundary(s, head)] + "…" + s[min(end, len(s)):]
}

// longestEscape is the length of \U0010ffff.
const longestEscape = 10

// boundary is the last place up to at where neither a character nor an escape sequence is cut in two.
func boundary(s string, at int) int {
	at = min(max(at, 0), len(s))
	for back := 1; back < utf8.UTFMax && at < len(s) && at >= back; back++ {
		if _, size := utf8.DecodeRuneInString(s[at-back:]); size > back {
			at -= back
			break
		}
	}
	for start := max(at-longestEscape+1, 0); start < at; start += unit(s[start:]) {
		if s[start] == '\\' && start+unit(s[start:]) > at {
			return start
		}
	}
	return at
}

// unit is the length of the character or the escape sequence that a text begins with. A backslash that begins no escape sequence is a
// character.
func unit(s string) int {
	if s[0] != '\\' || len(s) < 2 {
		_, size := utf8.DecodeRuneInString(s)
		return size
	}
	switch s[1] {
	case 'x':
		return escape(s, 4)
	case 'u':
		return escape(s, 6)
	case 'U':
		return escape(s, longestEscape)
	case 'a', 'b', 'f', 'n', 'r', 't', 'v', '\\', '"':
		return 2
	}
	return 1
}

// escape is the length of an escape sequence whose hexadecimal digits end at length; 1 if they do not.
func escape(s string, length int) int {
	if len(s) < length {
		return 1
	}
	for _, digit := range []byte(s[2:length]) {
		if !strings.ContainsRune("0123456789abcdef", rune(digit)) {
			return 1
		}
	}
	return length
}

// Text is s in quotes, escaped as Go does, and cut to about most bytes of it.
func Text(s string, most int) string {
	if len(s) <= most {
		return Printable(strconv.Quote(s))
	}
	return Printable(strconv.Quote(s[:boundary(s, most)])) + "…"
}

// maxError is how many bytes of an error are shown.
const maxError = 2000

// Error is err with a text that is printable, and of a length that can be read; nil if err is nil. It unwraps to err.
func Error(err error) error { return Shorten(err, maxError) }

// Shorten is Error with a text of about most bytes.
func Shorten(err error, most int) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	safe := Printable(Middle(text, most))
	if safe == text {
		return err
	}
	return &shown{safe, err}
}

// shown is an error in words that can be shown.
type shown struct {
	text string
	err  error
}

// Error implements error.
func (s *shown) Error() string { return s.text }

// Unwrap returns the error as it was.
func (s *shown) Unwrap() error { return s.err }
