package quote_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"nothing":                    {"", ""},
		"text":                       {`web-1: "C:\x" <b>`, `web-1: "C:\x" <b>`},
		"other languages":            {"Zürich, 東京, 😀, \ufffd", "Zürich, 東京, 😀, \ufffd"},
		"spaces of any width":        {"1\u202f000\u00a0KB", "1\u202f000\u00a0KB"},
		"a terminal's escapes":       {"a\x1b[31mRED\x1b]0;x\x07", `a\x1b[31mRED\x1b]0;x\a`},
		"line breaks and tabs":       {"a\r\nlevel=info\tmsg", `a\r\nlevel=info\tmsg`},
		"C1 control characters":      {"a\u0085\u009bm", `a\u0085\u009bm`},
		"DEL and NUL":                {"a\x7f\x00", `a\x7f\x00`},
		"separators":                 {"a\u2028b\u2029", `a\u2028b\u2029`},
		"bidirectional overrides":    {"a\u202ecod.exe\u2066b\u200f", `a\u202ecod.exe\u2066b\u200f`},
		"characters without a width": {"a\u200bb\ufeff\u00ad\u2060", `a\u200bb\ufeff\u00ad\u2060`},
		"tags":                       {"a\U000e0041", `a\U000e0041`},
		"letters that show nothing":  {"a\u3164\u115f\uffa0\u034f\ufe0f\u2800", `a\u3164\u115f\uffa0\u034f\ufe0f\u2800`},
		"a CI system's commands":     {"##vso[task.setvariable variable=PATH]x ##[error] ##teamcity[x", `\x23\x23vso[task.setvariable variable=PATH]x \x23\x23[error] \x23\x23teamcity[x`},
		"GitHub's commands":          {"::error file=a,line=1::oops ::stop-commands:::x::", `\x3a\x3aerror file=a,line=1\x3a\x3aoops \x3a\x3astop-commands\x3a\x3a:x::`},
		"no command":                 {"# web-1 ## [::1]:80 from [fe80::a]:9, ::ffff:10.0.0.1, dead::beef::", "# web-1 ## [::1]:80 from [fe80::a]:9, ::ffff:10.0.0.1, dead::beef::"},
		"private use":                {"a\ue000", `a\ue000`},
		"bytes that are no UTF-8":    {"a\xff\xc3", `a\xff\xc3`},
		"a surrogate":                {"a\xed\xa0\x80", `a\xed\xa0\x80`},
	} {
		assert.Equal(t, row.want, quote.Printable(row.text), name)
		assert.Equal(t, row.want, quote.Printable(row.want), "%s, twice", name)
	}
}

// A cut leaves characters and escape sequences whole, wherever it falls.
func TestCuts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ASCII":           strings.Repeat("abcdefg", 30),
		"two bytes":       strings.Repeat("ü", 100),
		"three bytes":     strings.Repeat("東", 70),
		"four bytes":      strings.Repeat("😀", 50),
		"mixed":           strings.Repeat("aü東😀", 20),
		"escapes":         strings.Repeat(`\u202e`, 40),
		"short escapes":   strings.Repeat(`\n\x1b`, 40),
		"long escapes":    strings.Repeat(`\U000e0041`, 20),
		"no escape":       strings.Repeat(`\ü\x東\u東\U😀`, 20),
		"no UTF-8 at all": strings.Repeat("\x80", 200),
	} {
		for most := range len(text) + 1 {
			for how, short := range map[string]string{"Cut": quote.Cut(text, most), "Middle": quote.Middle(text, most)} {
				assert.LessOrEqual(t, len(short), most+len("…"), "%s of %s to %d", how, name, most)
				if most == len(text) {
					assert.Equal(t, text, short)
					continue
				}
				before, after, cut := strings.Cut(short, "…")
				assert.True(t, cut)
				assert.True(t, strings.HasPrefix(text, before) && strings.HasSuffix(text, after))
				if utf8.ValidString(text) {
					assert.True(t, utf8.ValidString(short), "%s of %s to %d: %q", how, name, most, short)
				}
				if _, err := fmt.Sscanf(`"`+before+after+`"`, "%q", new(string)); strings.Contains(name, "escapes") {
					assert.NoError(t, err, "%s of %s to %d: %s", how, name, most, short)
				}
			}
		}
	}
	assert.Equal(t, "abc", quote.Cut("abc", 3))
	assert.Equal(t, "ab…", quote.Cut("abc", 2))
	assert.Equal(t, "ab…wxyz", quote.Middle("abcdefghijklmnopqrstuvwxyz", 6))
	assert.Empty(t, quote.Middle("", 5))
}

func TestText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `"a\x1b"`, quote.Text("a\x1b", 5))
	assert.Equal(t, `"ab"…`, quote.Text("abü", 3))
	assert.Equal(t, `"a\u3164"`, quote.Text("a\u3164", 5))
	assert.Less(t, len(quote.Text(strings.Repeat("\x1b", 1<<20), 80)), 400)
}

func TestError(t *testing.T) {
	t.Parallel()
	assert.NoError(t, quote.Error(nil))
	plain := errors.New("plain")
	assert.Same(t, plain, quote.Error(plain), "what needs no care stays as it is")
	hostile := quote.Error(fmt.Errorf("x509: \x1b[2J\n: %w", io.EOF))
	assert.EqualError(t, hostile, `x509: \x1b[2J\n: EOF`)
	assert.ErrorIs(t, hostile, io.EOF)
	long := quote.Error(fmt.Errorf("begin %s end", strings.Repeat("ü", 1<<20)))
	assert.Less(t, len(long.Error()), 2100)
	assert.True(t, strings.HasPrefix(long.Error(), "begin ") && strings.HasSuffix(long.Error(), " end"))
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b\u202e\xff", 3)
	f.Add("0", -5)
	f.Add(`\ü\x東\u東\U0010ffff`, 4)
	f.Fuzz(func(t *testing.T, text string, most int) {
		shown := quote.Printable(text)
		assert.True(t, utf8.ValidString(shown))
		assert.Equal(t, shown, quote.Printable(shown))
		assert.True(t, utf8.ValidString(quote.Cut(shown, most)))
		assert.True(t, utf8.ValidString(quote.Middle(shown, most)))
		assert.NotPanics(t, func() { quote.Middle(text, most); quote.Text(text, most); quote.Cut(text, most) }, "of what is no UTF-8")
	})
}
