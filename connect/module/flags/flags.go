// Package flags reads the options of calls from a command line: it makes flags of the table of package options, of their texts the values
// that a script would give, and of errors in a script's words errors in words of flags.
package flags

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// Set are the flags of a call, and what is given of them.
type Set struct {
	call    string
	object  map[string]any
	remarks []string
}

// Add adds the flags of a call, which is one of package options' tables.
func Add(to *pflag.FlagSet, call string) *Set {
	s := &Set{call: call, object: map[string]any{}}
	w := wordsOf(call)
	for _, o := range options.Of(call) {
		usual := strings.Trim(o.Default, "'")
		f := to.VarPF(&value{option: o, set: s, text: usual}, Name(o.Path), "", usage(w, o))
		if o.Kind == options.KindFlag {
			f.NoOptDefVal = "true"
		}
	}
	return s
}

// Object is what a script would give as the options of the call: nil if there are none.
func (s *Set) Object() any {
	if len(s.object) == 0 {
		return nil
	}
	return s.object
}

// Remarks are about values that are accepted and most likely not meant.
func (s *Set) Remarks() []string { return s.remarks }

// short is the least number of milliseconds that nobody takes for seconds.
const short = 100

// remark tells of a duration without a unit that is so short that seconds may be meant.
func (s *Set) remark(path []string, value any) {
	if n, plain := value.(int64); plain && n > 0 && n < short {
		s.remarks = append(s.remarks, fmt.Sprintf("--%s %d is %d ms; do you mean %ds?", Name(path), n, n, n))
	}
}

// Name is the flag of an option: connectTimeout is connect-timeout, and expect.hosts is expect-hosts.
func Name(path []string) string {
	var name strings.Builder
	for i, part := range path {
		if i > 0 {
			name.WriteByte('-')
		}
		for _, r := range part {
			switch {
			case r == '_':
				name.WriteByte('-')
			case unicode.IsUpper(r):
				name.WriteByte('-')
				name.WriteRune(unicode.ToLower(r))
			default:
				name.WriteRune(r)
			}
		}
	}
	return name.String()
}

// usage is the help on a flag.
func usage(w *words, o options.Option) string {
	text, isTrue := strings.CutPrefix(o.Help, "`true`: ")
	if isTrue {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	text = strings.TrimSuffix(strings.ReplaceAll(w.translate(text), "`", ""), ".")
	if form := forms[o.Kind]; form != "" {
		text += " (" + form + ")"
	}
	return text
}

// forms say how the text of a flag is to be written, where that is not plain.
var forms = map[options.Kind]string{
	options.KindBytes:   `escapes such as \r\n and \x00 stand for bytes`,
	options.KindPattern: `/regexp/ or text`,
	options.KindNumbers: `several with commas between`,
	options.KindShares:  `web-1,web-2 or web-1=2,web-2=1`,
	options.KindPairs:   `name=text, several with commas between`,
	options.KindHeaders: `'Name: text'; the flag can be given again`,
}

// value is a flag's.
type value struct {
	option options.Option
	set    *Set
	text   string
}

var _ pflag.Value = &value{}

// String implements pflag.Value.
func (v *value) String() string { return v.text }

// Type implements pflag.Value: the word that stands for the value in the help.
func (v *value) Type() string {
	switch v.option.Kind {
	case options.KindWord:
		return strings.Join(v.option.Words, "|")
	case options.KindNumber:
		return "number"
	case options.KindNumbers:
		return "numbers"
	case options.KindFlag:
		return "bool"
	case options.KindDuration:
		return "duration"
	case options.KindShare:
		return "share"
	case options.KindNames, options.KindShares:
		return "hosts"
	default:
		return "text"
	}
}

// Set implements pflag.Value.
func (v *value) Set(text string) error {
	v.text = text
	object := v.set.object
	path := v.option.Path
	for _, name := range path[:len(path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{} // takes the place of what else the option can be, as true of expect.balance
			object[name] = inner
		}
		object = inner
	}
	last := path[len(path)-1]
	if _, isObject := object[last].(map[string]any); isObject && v.option.Kind == options.KindShare {
		return nil // a member says more
	}
	object[last] = v.read(text, object[last])
	if v.option.Kind == options.KindDuration {
		v.set.remark(path, object[last])
	}
	return nil
}
