package flags_test

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/flags"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

var calls = []string{"flood", "hold", "traffic", "capacity", "idle", "ping", "tcpPing", "sockets", "preflight"}

// Every option has a flag, with help in words of flags, and there are no other flags.
func TestEveryOptionHasAFlag(t *testing.T) {
	t.Parallel()
	for _, call := range calls {
		set := pflag.NewFlagSet(call, pflag.ContinueOnError)
		flags.Add(set, call)
		of := map[string]bool{}
		for _, o := range options.Of(call) {
			name := flags.Name(o.Path)
			assert.False(t, of[name], "%s: two options have the flag --%s", call, name)
			of[name] = true
			f := set.Lookup(name)
			require.NotNil(t, f, "%s: option %s has no flag --%s", call, strings.Join(o.Path, "."), name)
			assert.NotEmpty(t, f.Usage, "%s: --%s has no help; connect/module/options/help.go", call, name)
			assert.NotRegexp(t, "`|@link|\\(\\)", f.Usage, "%s: --%s", call, name)
		}
		set.VisitAll(func(f *pflag.Flag) { assert.True(t, of[f.Name], "%s: flag --%s has no option", call, f.Name) })
	}
}

// A flag's text becomes what the option of a script would be.
func TestValues(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	for name, row := range map[string]struct {
		call, line string
		want       any
	}{
		"none":                 {"flood", "", nil},
		"number":               {"flood", "--connections 100 --rate 2.5", object{"connections": int64(100), "rate": 2.5}},
		"no number":            {"flood", "--connections many", object{"connections": "many"}},
		"duration":             {"flood", "--connect-timeout 500ms", object{"connectTimeout": "500ms"}},
		"milliseconds":         {"flood", "--connect-timeout 500", object{"connectTimeout": int64(500)}},
		"flag":                 {"traffic", "--verify --reconnect=false", object{"verify": true, "reconnect": false}},
		"names":                {"flood", "--expect-hosts web-1,web-2", object{"expect": object{"hosts": []any{"web-1", "web-2"}}}},
		"weights":              {"flood", "--expect-hosts web-1=2,web-2=1", object{"expect": object{"hosts": object{"web-1": int64(2), "web-2": int64(1)}}}},
		"a verdict left out":   {"flood", "--expect-hosts false --expect-prompt=false", object{"expect": object{"hosts": false, "prompt": false}}},
		"share":                {"hold", "--expect-kept 0.99", object{"expect": object{"kept": 0.99}}},
		"share, all":           {"hold", "--expect-kept 1", object{"expect": object{"kept": int64(1)}}},
		"share, none":          {"hold", "--expect-kept false", object{"expect": object{"kept": false}}},
		"balance":              {"flood", "--expect-balance true", object{"expect": object{"balance": true}}},
		"balance, tolerance":   {"flood", "--expect-balance-tolerance 0.1 --expect-balance true", object{"expect": object{"balance": object{"tolerance": 0.1}}}},
		"expression":           {"flood", `--reply-match /^\+(PONG)/i --reply-until \r\n`, object{"reply": object{"match": options.Pattern{Source: `^\+(PONG)`, Flags: "i"}, "until": "\r\n"}}},
		"text of an answer":    {"flood", `--reply-match PONG`, object{"reply": object{"match": "PONG"}}},
		"payload":              {"flood", `--payload PING\r\n`, object{"payload": "PING\r\n"}},
		"payload, bytes":       {"flood", `--payload \xff\0\x01`, object{"payload": []byte{0xff, 0, 1}}},
		"payload, no escape":   {"flood", `--payload a\q\`, object{"payload": `a\q\`}},
		"sizes":                {"traffic", "--packet-size 64,1400", object{"packetSize": []any{int64(64), int64(1400)}}},
		"size":                 {"traffic", "--packet-size 64", object{"packetSize": int64(64)}},
		"tags":                 {"flood", "--tags site=ham,rack=1", object{"tags": object{"site": "ham", "rack": "1"}}},
		"headers":              {"ping", "--headers Accept:text/html --headers Host:web", object{"headers": object{"Accept": "text/html", "Host": "web"}}},
		"states":               {"sockets", "--expect-close-wait 0 --expect-within 10s", object{"expect": object{"close_wait": int64(0), "within": "10s"}}},
		"share of a ping":      {"ping", "--expect-answered=false", object{"expect": object{"answered": false}}},
		"no share but a count": {"capacity", "--expect-connections 10000", object{"expect": object{"connections": int64(10000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := pflag.NewFlagSet(row.call, pflag.ContinueOnError)
			s := flags.Add(set, row.call)
			require.NoError(t, set.Parse(strings.Fields(row.line)))
			assert.Equal(t, row.want, s.Object())
		})
	}
}

// Errors and advice, which are in a script's words, name flags.
func TestWords(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		`flood(): option "expect": asks for answers with readReply false; want readReply true with hosts`: `flood: --expect-…: asks for answers with --read-reply=false; want --read-reply with hosts`,
		"not established within 5s (option connectTimeout); check the route":                              "not established within 5s (--connect-timeout); check the route",
		"use others, or close: 'rst'":                                       "use others, or --close rst",
		"flood() needs no answer with readReply: false, traffic() a server": "flood needs no answer with --read-reply=false, traffic a server",
		"p(99) is above expect.replyTime":                                   "p(99) is above --expect-reply-time",
		"a timeout of the target, whose source is unknown":                  "a timeout of the target, whose source is unknown",
	} {
		assert.Equal(t, want, flags.Words("flood", script))
	}
	assert.Equal(t, "want --keepalive 10s with --reply-match and --keepalive-timeout", flags.Words("hold", `want keepalive: '10s' with options "reply.match" and "keepaliveTimeout"`))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--connections many":              `--connections: got "many"; want a whole number from 1 to 100000000`,
		"--connect-timeout soon":          `--connect-timeout: got "soon"; want a duration above 0, up to a year, such as '8s' or '500ms', or a number of milliseconds`,
		"--expect-kept 7":                 "",
		"--expect-answered 7":             "--expect-answered: got 7; want the least share that must hold, from 0 to 1, or false, which leaves the verdict out",
		"--network sctp":                  `--network: got "sctp"; want 'tcp', 'tcp4', 'tcp6', 'udp', 'udp4', 'udp6', 'tls'`,
		"--reply-bytes 5 --reply-until x": `--reply: got {"bytes":5,"until":"x"}; until and bytes both end an answer; want one of them`,
	} {
		set := pflag.NewFlagSet("flood", pflag.ContinueOnError)
		s := flags.Add(set, "flood")
		err := set.Parse(strings.Fields(line))
		if want == "" {
			assert.ErrorContains(t, err, "unknown flag")
			continue
		}
		require.NoError(t, err)
		_, err = options.ParseFlood("web:80", s.Object())
		assert.EqualError(t, flags.Error("flood", err), want)
	}
}
