package command

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/flags"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

const scriptHelp = `Writes the k6 script that makes the same call, with thresholds on its verdicts: k6 run exits with 99 if one
does not hold.`

// newScript returns the command that writes scripts: with the calls as its own commands, and their flags.
func newScript(gs *state.GlobalState) *cobra.Command {
	c := &cobra.Command{
		Use:     "script",
		Short:   "Write the k6 script that makes the same call",
		Long:    scriptHelp,
		Example: "  k6 x mconnect script flood 10.0.0.2:5001 --connections 20000 > test.js\n  k6 run test.js",
		Args:    inError(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for i := range calls {
		d := &calls[i]
		if d.name == "preflight" { // has no verdicts that thresholds could ask for
			continue
		}
		of := d.bare()
		set := flags.Add(of.Flags(), d.name)
		complete(of, d.name)
		of.Example = "  k6 x mconnect script " + strings.Join(d.examples[:1], "")
		of.RunE = func(_ *cobra.Command, args []string) error {
			return failed(writeScript(gs.Stdout, d.name, args, set.Object()))
		}
		c.AddCommand(of)
	}
	return c
}

// writeScript writes the script of a call, once the call's options are checked.
func writeScript(w io.Writer, call string, targets []string, object any) error {
	function, err := checked(call, targets, object)
	if err != nil {
		return flags.Error(call, err)
	}
	arguments := []string{}
	switch len(targets) {
	case 0:
	case 1:
		arguments = append(arguments, literal(targets[0], ""))
	default:
		arguments = append(arguments, literal(anyOf(targets), ""))
	}
	if object != nil {
		arguments = append(arguments, literal(object, "  "))
	}
	_, err = fmt.Fprintf(w, `import { %s, summary } from 'k6/x/mconnect';

export const options = {
  thresholds: { mconnect_verdict_failed: ['rate==0'], mconnect_verdicts: ['count>0'] },
};

export default async function () {
  await %s(%s);
}

export const handleSummary = summary();
`, function, function, strings.Join(arguments, ", "))
	return err
}

// checked checks the options of a call, and returns the function that scripts call.
func checked(call string, targets []string, object any) (function string, err error) {
	given := anyOf(targets)
	switch call {
	case "flood":
		_, err = options.ParseFlood(given, object)
	case "hold":
		var o *options.Hold
		if o, err = options.ParseHold(given, object); err == nil && o.Duration == 0 {
			err = fmt.Errorf("--duration: missing; want a time such as 10m, since a script has no Ctrl-C that ends a hold and lets it go on")
		}
	case "traffic":
		_, err = options.ParseTraffic(given, object)
	case "capacity":
		_, err = options.ParseCapacity(given, object)
	case "idle":
		_, err = options.ParseIdle(given, object)
	case "sockets":
		_, err = options.ParseSockets(object)
	default:
		if !strings.Contains(targets[0], "://") {
			_, err = options.ParseTCPPing(targets[0], object)
			return "tcpPing", err
		}
		_, err = options.ParsePing(targets[0], object)
	}
	return call, err
}

var identifier = regexp.MustCompile(`^[A-Za-z_$][\w$]*$`)

// literal is a value as JavaScript writes it. Members of an object are indented by so much, or in one line if it is none.
func literal(v any, indent string) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case []byte:
		parts := make([]string, len(v))
		for i, b := range v {
			parts[i] = strconv.Itoa(int(b))
		}
		return "new Uint8Array([" + strings.Join(parts, ", ") + "]).buffer"
	case options.Pattern:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = literal(v[i], "")
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return objectLiteral(v, indent)
	}
	return fmt.Sprint(v)
}

func objectLiteral(v map[string]any, indent string) string {
	members := make([]string, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		key := name
		if !identifier.MatchString(name) {
			key = quoted(name)
		}
		members = append(members, key+": "+literal(v[name], ""))
	}
	if indent == "" {
		return "{ " + strings.Join(members, ", ") + " }"
	}
	return "{\n  " + indent + strings.Join(members, ",\n  "+indent) + ",\n" + indent + "}"
}

// quoted is a text between apostrophes.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, r := range text {
		switch {
		case r == '\'' || r == '\\':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\n':
			out.WriteString(`\n`)
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('\'')
	return out.String()
}
