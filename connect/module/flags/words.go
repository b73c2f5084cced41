package flags

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// Error is an error of package options in words of flags.
func Error(call string, err error) error {
	if err == nil {
		return nil
	}
	w := wordsOf(call)
	wrong, ok := errors.AsType[*options.Wrong](err)
	if !ok {
		return errors.New(w.translate(err.Error()))
	}
	innermost := wrong
	for {
		inner, ok := errors.AsType[*options.Wrong](innermost.Err)
		if !ok {
			break
		}
		innermost = inner
	}
	return fmt.Errorf("--%s: got %s; %s", Name(wrong.Path), innermost.Shown(), w.translate(innermost.Err.Error()))
}

// Words is a text about a call, with its options as flags: `option timeout` is --timeout, and `close: 'rst'` is --close rst.
func Words(call, text string) string { return wordsOf(call).translate(text) }

// words translate from a script's words to those of a command line.
type words struct {
	flags   map[string]string // by option: "connectTimeout", "expect.hosts", and of those that are long enough to be no word, "replyTime"
	options *regexp.Regexp
}

// wordsOf are those for the options of a call.
func wordsOf(call string) *words {
	w := &words{flags: map[string]string{}}
	names := []string{}
	for _, o := range options.Of(call) {
		flag := "--" + Name(o.Path)
		path := strings.Join(o.Path, ".")
		w.flags[path] = flag
		names = append(names, regexp.QuoteMeta(path))
		if leaf := o.Path[len(o.Path)-1]; len(o.Path) > 1 && strings.ContainsFunc(leaf, unicode.IsUpper) {
			w.flags[leaf] = flag
			names = append(names, leaf)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // the longest that fits
	all := strings.Join(names, "|")
	w.options = regexp.MustCompile(
		`\boptions? "?(` + all + `)"?(?:(?: and |, )"(` + all + `)")?` + // option "timeout"; options "reply" and "keepalive"
			`|\b(` + all + `): ('[^']*'|\d[\d.]*|true|false)` + // close: 'rst'
			`|\b(` + camel(names) + `) (true|false)\b` + // readReply false
			`|\b(` + camel(names) + `)\b` + // connectTimeout
			`|` + "`(" + all + ")`") // `payload`, in comments
	return w
}

// camel are the names that can't be taken for words of a sentence.
func camel(names []string) string {
	var some []string
	for _, name := range names {
		if strings.ContainsFunc(name, unicode.IsUpper) || strings.Contains(name, ".") {
			some = append(some, name)
		}
	}
	if len(some) == 0 {
		return `\z.` // nothing
	}
	return strings.Join(some, "|")
}

// calls are functions, as texts name them.
var calls = regexp.MustCompile(`\b(flood|hold|traffic|capacity|idle|ping|tcpPing|sockets|preflight)\(\)`)

func (w *words) translate(text string) string {
	text = w.options.ReplaceAllStringFunc(text, func(found string) string {
		m := w.options.FindStringSubmatch(found)
		switch {
		case m == nil:
			return found // at the edge of another name
		case m[1] != "" && m[2] != "":
			return w.flags[m[1]] + " and " + w.flags[m[2]]
		case m[1] != "":
			return w.flags[m[1]]
		case m[3] != "":
			return w.given(m[3], m[4])
		case m[5] != "":
			return w.given(m[5], m[6])
		}
		return w.flags[m[7]+m[8]]
	})
	text = strings.ReplaceAll(text, `option "expect"`, "--expect-…")
	text = strings.ReplaceAll(text, "; Number(…) makes one of a text, such as those in __ENV", "")
	return calls.ReplaceAllString(text, "$1")
}

// given is a flag with a value.
func (w *words) given(option, value string) string {
	switch value {
	case "true":
		return w.flags[option]
	case "false":
		return w.flags[option] + "=false"
	}
	return w.flags[option] + " " + strings.Trim(value, "'")
}
