package options

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.k6.io/k6/v2/lib/types"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// maxReason is how many bytes an option's error has, besides its value.
const maxReason = 400

// parseArgument is parse for a call's last argument: an object such as example, or nil.
func parseArgument(options any, example string, table map[string]setter) error {
	object, ok := options.(map[string]any)
	if !ok && options != nil {
		return fmt.Errorf("options: got %s; want an object such as %s", show(options), example)
	}
	return parse(object, table)
}

// parse gives each option of an object to its setter.
func parse(options map[string]any, table map[string]setter) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		known, ok := table[name]
		if !ok {
			names := slices.Sorted(maps.Keys(table))
			hint := ""
			if meant := Meant(name, names); meant != "" {
				hint = "do you mean " + meant + "? "
			}
			return fmt.Errorf("option %s is unknown; %swant one of %s", quote.Text(name, readable), hint, strings.Join(names, ", "))
		}
		value := options[name]
		if value == nil { // undefined and null leave an option out
			continue
		}
		if err := known.set(value); err != nil {
			err = quote.Shorten(err, maxReason)
			path := []string{name}
			if inner, ok := errors.AsType[*Wrong](err); ok {
				path = append(path, inner.Path...)
			}
			return &Wrong{path, value, err}
		}
	}
	return nil
}

// notSplit says of a text that has commas where names are wanted, such as one from __ENV, that it is no list.
func notSplit(v any) error {
	if text, ok := v.(string); ok && strings.Contains(text, ",") {
		return errors.New("want an array of names; .split(',') makes one of such a text")
	}
	return nil
}

func stringList(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		list := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			list[i] = s
		}
		return list, true
	}
	return nil, false
}

func asNumber(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

func oneOf(to *string, accepted ...string) setter {
	return setter{kind: KindWord, words: accepted, set: func(v any) error {
		s, ok := v.(string)
		if !ok || !slices.Contains(accepted, s) {
			return fmt.Errorf("want '%s'", strings.Join(accepted, "', '"))
		}
		*to = s
		return nil
	}}
}

// choice sets a flag if the second of two words is given, and clears it for the first.
func choice(to *bool, off, on string) setter {
	return setter{kind: KindWord, words: []string{off, on}, set: func(v any) error {
		var word string
		err := oneOf(&word, off, on).set(v)
		*to = word == on
		return err
	}}
}

func whole[T int | int64](to *T, least, most T) setter {
	return setter{kind: KindNumber, set: func(v any) error {
		n, ok := asNumber(v)
		if !ok || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
			return fmt.Errorf("want a whole number from %d to %d%s", least, most, hintNumber(v))
		}
		*to = T(n)
		return nil
	}}
}

func number(to *float64, least, most float64) setter {
	return setter{kind: KindNumber, set: func(v any) error {
		n, ok := asNumber(v)
		if !ok || n < least || n > most {
			return fmt.Errorf("want a number from %g to %g%s", least, most, hintNumber(v))
		}
		*to = n
		return nil
	}}
}

func hintNumber(v any) string {
	if n, isNumber := v.(float64); isNumber && math.IsNaN(n) {
		return "; NaN is what Number(…) makes of a text that is no number, such as '1k' in __ENV"
	}
	if _, isText := v.(string); isText {
		return "; Number(…) makes one of a text, such as those in __ENV"
	}
	return ""
}

func flag(to *bool) setter {
	return setter{kind: KindFlag, set: func(v any) error {
		b, ok := v.(bool)
		if !ok {
			return errors.New("want true or false")
		}
		*to = b
		return nil
	}}
}

// unless sets a flag if the option is false.
func unless(to *bool) setter {
	return setter{kind: KindFlag, set: func(v any) error {
		var on bool
		err := flag(&on).set(v)
		*to = err == nil && !on
		return err
	}}
}

func text(to *string) setter {
	return setter{kind: KindText, set: func(v any) error {
		s, ok := v.(string)
		if !ok || s == "" {
			return errors.New("want a text that is not empty")
		}
		*to = s
		return nil
	}}
}

// maxDuration keeps sums of durations far from overflow.
const maxDuration = 365 * 24 * time.Hour

func duration(to *time.Duration) setter {
	return setter{kind: KindDuration, set: func(v any) error {
		const accepted = "want a duration above 0, up to a year, such as '8s' or '500ms', or a number of milliseconds"
		_, isText := v.(string)
		n, isNumber := asNumber(v)
		if !isText && !isNumber || isNumber && n > float64(maxDuration/time.Millisecond) {
			return errors.New(accepted)
		}
		d, err := types.GetDurationValue(v)
		if err != nil || d <= 0 || d > maxDuration {
			return errors.New(accepted)
		}
		*to = d
		return nil
	}}
}

func seed(to **uint64) setter {
	return setter{kind: KindNumber, set: func(v any) error {
		n, ok := asNumber(v)
		if !ok || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return fmt.Errorf("want a whole number that JavaScript holds exactly%s", hintNumber(v))
		}
		s := uint64(int64(n)) // #nosec G115 -- any bits make a seed
		*to = &s
		return nil
	}}
}

func pool(to **source.Pool) setter {
	return setter{kind: KindText, set: func(v any) error {
		list, ok := stringList(v)
		if !ok || len(list) == 0 {
			return errors.New("want an address, a CIDR, a range such as '10.0.0.5-10.0.0.20', a comma list or an array of these")
		}
		p, err := source.ParsePool(strings.Join(list, ","))
		*to = p
		return err
	}}
}

func ports(to *source.Ports) setter {
	return setter{kind: KindText, set: func(v any) error {
		s, ok := v.(string)
		if !ok {
			return errors.New("want a range of ports such as '10000-20000'")
		}
		p, err := source.ParsePorts(s)
		*to = p
		return err
	}}
}

// maxPayload is what fits into a UDP datagram over IPv4.
const maxPayload = 65507

func payload(to *[]byte) setter {
	return setter{kind: KindBytes, set: func(v any) error {
		var data []byte
		switch v := v.(type) {
		case string:
			data = []byte(v)
		case []byte:
			data = v
		default:
			return errors.New("want a text or an ArrayBuffer")
		}
		if len(data) == 0 || len(data) > maxPayload {
			return fmt.Errorf("want 1 to %d bytes", maxPayload)
		}
		*to = data
		return nil
	}}
}

// reservedTags are set by the module itself. Others of its tags (phase, verdict, call, ip) win over a script's on the metrics that have
// them, and leave it the rest.
var reservedTags = []string{"proto", "target", "error", "host", "state", "model"}

func tags(to *map[string]string, alsoReserved ...string) setter {
	reserved := slices.Concat(reservedTags, alsoReserved)
	return setter{kind: KindPairs, set: func(v any) error {
		const accepted = "want an object of names and texts, such as {site: 'ham'}"
		object, ok := v.(map[string]any)
		if !ok {
			return errors.New(accepted)
		}
		*to = make(map[string]string, len(object))
		for name, value := range object {
			if name == "" || slices.Contains(reserved, name) {
				return fmt.Errorf("tag %q is not free; want other names than '%s'", name, strings.Join(reserved, "', '"))
			}
			switch value := value.(type) {
			case string, bool, int64, float64:
				(*to)[name] = fmt.Sprint(value)
			default:
				return fmt.Errorf("tag %q is neither text, number nor boolean; %s", name, accepted)
			}
			if breaksLines(name) || breaksLines((*to)[name]) {
				return fmt.Errorf("tag %q: %q has control characters, such as tabs and newlines; want a name and a text without", name, value)
			}
		}
		return nil
	}}
}

// breaksLines reports whether a text, in a column or a tag, could do harm to outputs that are lines.
func breaksLines(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) })
}
