package options

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// answer is the option reply: what counts as an answer.
func answer(to **reply.Want) setter {
	w := &reply.Want{}
	of := object(map[string]setter{
		"match": match(w),
		"until": delimiter(&w.Until),
		"bytes": whole(&w.Bytes, 1, reply.MaxAnswer),
	}, `{match: /^\+(PONG)/, until: '\r\n'} or {bytes: 12}`)
	return of.and(func() error {
		*to = w
		if w.Until != nil && w.Bytes > 0 {
			return errors.New("until and bytes both end an answer; want one of them")
		}
		return nil
	})
}

// match is a regular expression in the syntax of RE2, or a text that the answer contains.
func match(to *reply.Want) setter {
	return setter{kind: KindPattern, set: func(v any) error {
		switch v := v.(type) {
		case Pattern:
			expression, err := compiled(v)
			to.Match = expression
			return err
		case string:
			to.Text = []byte(v)
			if isLatin1(v) {
				to.Text, to.Match = nil, eitherWay(v)
			}
			return checkLength(len(v))
		case []byte:
			to.Text = v
			return checkLength(len(v))
		}
		return errors.New(`want a RegExp such as /^\+(PONG)/, or a text that the answer contains`)
	}}
}

// checkLength checks that of a text that an answer is to contain.
func checkLength(n int) error {
	if n == 0 || n > reply.MaxAnswer {
		return fmt.Errorf("want 1 to %d bytes", reply.MaxAnswer)
	}
	return nil
}

// isLatin1 reports whether a text may stand for bytes, each of which is one character, and is not the same in UTF-8.
func isLatin1(text string) bool {
	above := false
	for _, r := range text {
		if r > 0xff {
			return false
		}
		above = above || r > 0x7f
	}
	return above
}

// eitherWay matches a text in Latin-1 or UTF-8.
func eitherWay(text string) *regexp.Regexp {
	utf8 := make([]rune, 0, len(text))
	for _, b := range []byte(text) {
		utf8 = append(utf8, rune(b))
	}
	return regexp.MustCompile(regexp.QuoteMeta(text) + "|" + regexp.QuoteMeta(string(utf8)))
}

// compiled reads a RegExp of JavaScript's. The flags i, m and s mean the same in both; g and d say what to return, which nobody asks for
// here.
func compiled(p Pattern) (*regexp.Regexp, error) {
	var flags strings.Builder
	for _, flag := range p.Flags {
		switch flag {
		case 'i', 'm', 's':
			flags.WriteRune(flag)
		case 'g', 'd':
		default:
			return nil, fmt.Errorf("flag %q is not known here; want i, m or s", flag)
		}
	}
	source := p.Source
	if flags.Len() > 0 {
		source = "(?" + flags.String() + ")" + source
	}
	expression, err := regexp.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("%w; want the syntax of RE2, which has no look-around and no back-references", err)
	}
	return expression, nil
}

func delimiter(to *[]byte) setter {
	return setter{kind: KindBytes, set: func(v any) error {
		var data []byte
		switch v := v.(type) {
		case string:
			if isLatin1(v) {
				return errors.New("want ASCII, or an ArrayBuffer, which says what bytes are meant")
			}
			data = []byte(v)
		case []byte:
			data = v
		}
		if len(data) == 0 || len(data) > 1024 {
			return errors.New(`want the 1 to 1024 bytes that end an answer, such as '\r\n'`)
		}
		*to = data
		return nil
	}}
}
