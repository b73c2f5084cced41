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
	return func(v any) error {
		object, ok := v.(map[string]any)
		if !ok {
			return errors.New(`want an object such as {match: /^\+(PONG)/, until: '\r\n'} or {bytes: 12}`)
		}
		w := &reply.Want{}
		err := parse(object, map[string]setter{
			"match": match(w),
			"until": delimiter(&w.Until),
			"bytes": whole(&w.Bytes, 1, reply.MaxAnswer),
		})
		if err == nil && w.Until != nil && w.Bytes > 0 {
			err = errors.New("until and bytes both end an answer; want one of them")
		}
		*to = w
		return err
	}
}

// match is a regular expression in the syntax of RE2, or a text that the answer contains.
func match(to *reply.Want) setter {
	return func(v any) error {
		switch v := v.(type) {
		case Pattern:
			expression, err := compiled(v)
			to.Match = expression
			return err
		case string:
			if v == "" || len(v) > reply.MaxAnswer {
				return fmt.Errorf("want 1 to %d bytes", reply.MaxAnswer)
			}
			to.Text = []byte(v)
			return nil
		case []byte:
			to.Text = v
			return nil
		}
		return errors.New(`want a RegExp such as /^\+(PONG)/, or a text that the answer contains`)
	}
}

// compiled reads a RegExp of JavaScript's. The flags i, m and s mean the same in both; g and y say how to go on, which nobody does here.
func compiled(p Pattern) (*regexp.Regexp, error) {
	flags := ""
	for _, flag := range p.Flags {
		switch flag {
		case 'i', 'm', 's':
			flags += string(flag)
		case 'g', 'y', 'd':
		default:
			return nil, fmt.Errorf("flag %q is not known here; want i, m or s", flag)
		}
	}
	source := strings.ReplaceAll(p.Source, `\/`, "/")
	if flags != "" {
		source = "(?" + flags + ")" + source
	}
	expression, err := regexp.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("%w; want the syntax of RE2, which has no look-around and no back-references", err)
	}
	return expression, nil
}

func delimiter(to *[]byte) setter {
	return func(v any) error {
		var data []byte
		switch v := v.(type) {
		case string:
			data = []byte(v)
		case []byte:
			data = v
		}
		if len(data) == 0 || len(data) > 1024 {
			return errors.New(`want the 1 to 1024 bytes that end an answer, such as '\r\n'`)
		}
		*to = data
		return nil
	}
}
