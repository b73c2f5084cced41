package flags

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// read makes of a text what a script would have as the value. A text that is none of these stays a text: the option's own check then says
// what is accepted. before is the value so far, if the flag is given again.
func (v *value) read(text string, before any) any {
	kind := v.option.Kind
	if v.option.Off || kind == options.KindFlag || kind == options.KindShare {
		if on, err := strconv.ParseBool(text); err == nil && text != "0" && text != "1" {
			return on
		}
	}
	switch kind {
	case options.KindNumber, options.KindShare, options.KindDuration:
		return number(text)
	case options.KindBytes:
		return unescape(text)
	case options.KindPattern:
		return pattern(text)
	case options.KindNumbers:
		return numbers(text)
	case options.KindNames:
		return list(text)
	case options.KindShares:
		return shares(text)
	case options.KindPairs:
		return pairs(text, before)
	case options.KindHeaders:
		return header(text, before)
	default:
		return text
	}
}

// number is what a text means as a number, else the text.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	return text
}

func numbers(text string) any {
	parts := strings.Split(text, ",")
	if len(parts) == 1 {
		return number(text)
	}
	all := make([]any, len(parts))
	for i, part := range parts {
		all[i] = number(strings.TrimSpace(part))
	}
	return all
}

func list(text string) []any {
	parts := strings.Split(text, ",")
	all := make([]any, len(parts))
	for i, part := range parts {
		all[i] = strings.TrimSpace(part)
	}
	return all
}

// shares are names, or names with weights.
func shares(text string) any {
	if !strings.Contains(text, "=") {
		return list(text)
	}
	weights := map[string]any{}
	for part := range strings.SplitSeq(text, ",") {
		name, weight, _ := strings.Cut(part, "=")
		weights[strings.TrimSpace(name)] = number(strings.TrimSpace(weight))
	}
	return weights
}

func pairs(text string, before any) any {
	all, again := before.(map[string]any)
	if !again {
		all = map[string]any{}
	}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		all[strings.TrimSpace(name)] = value
	}
	return all
}

func header(text string, before any) any {
	all, again := before.(map[string]any)
	if !again {
		all = map[string]any{}
	}
	name, value, _ := strings.Cut(text, ":")
	all[strings.TrimSpace(name)] = strings.TrimSpace(value)
	return all
}

// pattern is a regular expression between slashes, with flags behind, or a text.
func pattern(text string) any {
	if end := strings.LastIndexByte(text, '/'); end > 0 && text[0] == '/' && isLetters(text[end+1:]) {
		return options.Pattern{Source: text[1:end], Flags: text[end+1:]}
	}
	return unescape(text)
}

func isLetters(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}

// unescape replaces Go's escapes, such as \r, \n, \x00 and \\, which shells hand over as they are. What is no escape stays. The result is a
// text if it is one, else bytes.
func unescape(text string) any {
	var out []byte
	for rest := text; rest != ""; {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, 0)
		switch {
		case strings.HasPrefix(rest, `\0`) && (len(rest) == 2 || rest[2] < '0' || rest[2] > '7'):
			out, tail = append(out, 0), rest[2:] // as in C and JavaScript
		case err != nil:
			out, tail = append(out, rest[0]), rest[1:]
		case multibyte:
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, byte(r)) // #nosec G115 -- one byte
		}
		rest = tail
	}
	if utf8.Valid(out) {
		return string(out)
	}
	return out
}
