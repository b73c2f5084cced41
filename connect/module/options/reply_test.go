package options_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func pattern(source, flags string) options.Pattern {
	return options.Pattern{Source: source, Flags: flags}
}

func TestReply(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply        object
		answer, host string
		ok           bool
	}{
		"a pattern with a group":             {object{"match": pattern(`^\+(PONG)`, "")}, "+PONG\r\n", "PONG", true},
		"a pattern that does not match":      {object{"match": pattern(`^\+(PONG)`, "")}, "-ERR\r\n", "", false},
		"flag i":                             {object{"match": pattern(`^\+pong`, "i")}, "+PONG", "", true},
		"no flag i":                          {object{"match": pattern(`^\+pong`, "")}, "+PONG", "", false},
		"flag s":                             {object{"match": pattern(`a.b`, "s")}, "a\nb", "", true},
		"flag m":                             {object{"match": pattern(`^b$`, "m")}, "a\nb\nc", "", true},
		"no flag m":                          {object{"match": pattern(`^b$`, "")}, "a\nb\nc", "", false},
		"several flags, and g":               {object{"match": pattern(`^B.c$`, "gims")}, "a\nb\nc", "", true},
		"a slash":                            {object{"match": pattern(`^HTTP\/1\.1 (\d+)`, "")}, "HTTP/1.1 200 OK", "200", true},
		"a class of a backslash and a slash": {object{"match": pattern(`^[\\/]$`, "")}, `\`, "", true},
		"bytes":                              {object{"match": pattern(`^\xab[\x80-\xff]\x00$`, "")}, "\xab\x80\x00", "", true},
		"a text":                             {object{"match": "+PONG"}, "is +PONG\r\n", "", true},
		"a text is no pattern":               {object{"match": "P.NG"}, "PONG", "", false},
		"a text of other scripts":            {object{"match": "Ω"}, "a Ω", "", true},
		"a text of bytes":                    {object{"match": "\u00ff\u0000"}, "a\xff\x00", "", true},
		"a text of bytes, in UTF-8":          {object{"match": "caf\u00e9"}, "café", "", true},
		"a text of bytes, others":            {object{"match": "\u00ff"}, "\xfe", "", false},
		"bytes that are to be contained":     {object{"match": []byte{0xff, 0}}, "a\xff\x00", "", true},
		"a name, by its end":                 {object{"until": "\n"}, "web-1\n", "web-1", true},
		"a name, by its length":              {object{"bytes": int64(5)}, "web-1", "web-1", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := options.ParseFlood("a:1", object{"reply": row.reply})
			require.NoError(t, err)
			answer, complete := f.Plan.Reply.Cut([]byte(row.answer))
			require.True(t, complete)
			host, ok := f.Plan.Reply.Judge(answer)
			assert.Equal(t, row.ok, ok)
			if row.ok {
				assert.Equal(t, row.host, string(host))
			}
		})
	}
}

func TestReplyErrors(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply any
		parts []string
	}{
		"no object":                {"+PONG", []string{`option "reply": got "+PONG"`, "want an object, such as"}},
		"an unknown part":          {object{"matches": "a"}, []string{`option "matches" is unknown`, "bytes, match, until"}},
		"a number to match":        {object{"match": int64(1)}, []string{`option "match": got 1`, "a RegExp"}},
		"an empty text":            {object{"match": ""}, []string{`option "match": got ""`, "1 to 65536 bytes"}},
		"no bytes":                 {object{"match": []byte{}}, []string{`option "match"`, "1 to 65536 bytes"}},
		"a text longer than all":   {object{"match": strings.Repeat("x", 65537)}, []string{"1 to 65536 bytes"}},
		"look-ahead":               {object{"match": pattern(`a(?=b)`, "")}, []string{`option "match"`, "RE2", "look-around"}},
		"look-behind":              {object{"match": pattern(`(?<=a)b`, "")}, []string{"RE2"}},
		"a back-reference":         {object{"match": pattern(`(a)\1`, "")}, []string{"RE2", "back-references"}},
		"a code point of JS":       {object{"match": pattern(`\u00ff`, "")}, []string{"RE2"}},
		"flag u":                   {object{"match": pattern(`a`, "u")}, []string{"u", "want i, m or s"}},
		"flag y":                   {object{"match": pattern(`a`, "y")}, []string{"y", "want i, m or s"}},
		"an empty end":             {object{"until": ""}, []string{`option "until": got ""`, "1 to 1024 bytes"}},
		"a long end":               {object{"until": strings.Repeat("x", 1025)}, []string{"1 to 1024 bytes"}},
		"a pattern as the end":     {object{"until": pattern("a", "")}, []string{`option "until"`, "1 to 1024 bytes"}},
		"an end that may be UTF-8": {object{"until": "\u00ff"}, []string{"ASCII, or an ArrayBuffer"}},
		"no length":                {object{"bytes": int64(0)}, []string{`option "bytes": got 0`, "from 1 to 65536"}},
		"a length above all":       {object{"bytes": int64(65537)}, []string{"from 1 to 65536"}},
		"half a byte":              {object{"bytes": 1.5}, []string{"a whole number"}},
		"two ends":                 {object{"bytes": int64(1), "until": "\n"}, []string{"until and bytes both end an answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := options.ParseFlood("a:1", object{"reply": row.reply})
			require.Error(t, err)
			assert.Contains(t, err.Error(), "flood()")
			assert.Less(t, len(err.Error()), 2000)
			for _, part := range row.parts {
				assert.Contains(t, err.Error(), part)
			}
		})
	}
}

// What would have no effect is refused.
func TestReplyWithoutEffect(t *testing.T) {
	t.Parallel()
	reply := object{"match": "PONG"}
	for name, row := range map[string]struct {
		parse func() error
		parts []string
	}{
		"flood that reads no answer": {func() error {
			_, err := options.ParseFlood("a:1", object{"reply": reply, "readReply": false})
			return err
		}, []string{`option "reply"`, "readReply true"}},
		"hold without keepalive": {func() error {
			_, err := options.ParseHold("a:1", object{"reply": reply})
			return err
		}, []string{`"reply"`, "keepalive"}},
		"hold's payload without keepalive": {func() error {
			_, err := options.ParseHold("a:1", object{"payload": "PING"})
			return err
		}, []string{`"payload"`, "keepalive"}},
		"traffic": {func() error {
			_, err := options.ParseTraffic("a:1", object{"reply": reply})
			return err
		}, []string{`option "reply" is unknown`}},
		"traffic's payload": {func() error {
			_, err := options.ParseTraffic("a:1", object{"payload": "PING"})
			return err
		}, []string{`option "payload" is unknown`}},
		"a source that no reply tells": {func() error {
			_, err := options.ParseFlood("a:1", object{"reply": reply, "expect": object{"source": true}})
			return err
		}, []string{`option "expect"`, "source with option reply"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := row.parse()
			require.Error(t, err)
			for _, part := range row.parts {
				assert.Contains(t, err.Error(), part)
			}
		})
	}
}
