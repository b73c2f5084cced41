package reply_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

func TestCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", reply.MaxAnswer)
	for name, row := range map[string]struct {
		want         reply.Want
		data, answer string
		ok           bool
	}{
		"the first read":                    {reply.Want{}, "web-1", "web-1", true},
		"the first read, empty":             {reply.Want{}, "", "", true},
		"until, with what follows":          {reply.Want{Until: []byte("\r\n")}, "+PONG\r\n+OK\r\n", "+PONG\r\n", true},
		"until, at the end":                 {reply.Want{Until: []byte("\r\n")}, "+PONG\r\n", "+PONG\r\n", true},
		"until, half of the delimiter":      {reply.Want{Until: []byte("\r\n")}, "+PONG\r", "+PONG\r", false},
		"until, not yet":                    {reply.Want{Until: []byte("\r\n")}, "+PO", "+PO", false},
		"until, nothing":                    {reply.Want{Until: []byte("\r\n")}, "", "", false},
		"until, binary":                     {reply.Want{Until: []byte{0, 0xff}}, "a\x00\xffb", "a\x00\xff", true},
		"until, longer than any answer":     {reply.Want{Until: []byte("!")}, long + "x!", long + "x!", true},
		"until, never, beyond all answers":  {reply.Want{Until: []byte("!")}, long + "x", long + "x", false},
		"bytes, exactly":                    {reply.Want{Bytes: 4}, "\x00\x01\x02\x03", "\x00\x01\x02\x03", true},
		"bytes, with what follows":          {reply.Want{Bytes: 4}, "abcdef", "abcd", true},
		"bytes, not yet":                    {reply.Want{Bytes: 4}, "abc", "abc", false},
		"bytes, nothing":                    {reply.Want{Bytes: 1}, "", "", false},
		"bytes, with a match in the middle": {reply.Want{Bytes: 4, Match: regexp.MustCompile("b")}, "abcdef", "abcd", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, ok := row.want.Cut([]byte(row.data))
			assert.Equal(t, row.ok, ok)
			assert.Equal(t, row.answer, string(answer))
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	matches := func(expression string) reply.Want { return reply.Want{Match: regexp.MustCompile(expression)} }
	for name, row := range map[string]struct {
		want         reply.Want
		answer, host string
		ok           bool
	}{
		"a name":                           {reply.Want{}, "web-1\n", "web-1", true},
		"a name, and where we come from":   {reply.Want{}, "web-1\t10.0.0.1:4711", "web-1", true},
		"a name, by its length":            {reply.Want{Bytes: 5}, "web-1", "web-1", true},
		"no name":                          {reply.Want{}, "\xff", "", false},
		"a match without a group":          {matches(`^\+PONG`), "+PONG\r\n", "", true},
		"a match with a group":             {matches(`^\+(PONG)`), "+PONG\r\n", "PONG", true},
		"the first group of two":           {matches(`(\w+)-(\w+)`), "web-1", "web", true},
		"a group that takes no part":       {matches(`^(?:(a)|b)`), "b", "", true},
		"a group that is empty":            {matches(`^(a?)b`), "b", "", false},
		"a group that is no name":          {matches(`^(.*)$`), "web\x01", "", false},
		"a group longer than a name":       {matches(`(x+)`), strings.Repeat("x", 256), "", false},
		"a group with a TAB":               {matches(`(?s)^(.*)$`), "web\t1", "", false},
		"no match":                         {matches(`^\+(PONG)`), "-ERR unknown command\r\n", "", false},
		"a byte is one character":          {matches(`^\xab.\xff$`), "\xab\x80\xff", "", true},
		"UTF-8 is two characters":          {matches(`^..$`), "é", "", true},
		"a letter of Latin-1 is a byte":    {matches(`^é$`), "\xe9", "", true},
		"a class of bytes":                 {matches(`^[\x80-\xff]{3}$`), "\x80\xc0\xff", "", true},
		"a NUL":                            {matches(`^\x00$`), "\x00", "", true},
		"a dot and a line's end":           {matches(`^a.b$`), "a\nb", "", false},
		"a dot and a line's end, flag s":   {matches(`(?s)^a.b$`), "a\nb", "", true},
		"a group of Latin-1 becomes UTF-8": {matches(`^(.*)$`), "caf\xe9", "café", true},
		"a text":                           {reply.Want{Text: []byte("PONG")}, "+PONG\r\n", "", true},
		"a text that is not there":         {reply.Want{Text: []byte("PONG")}, "-ERR", "", false},
		"a text in binary":                 {reply.Want{Text: []byte{0, 0xff}}, "a\x00\xffb", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, ok := row.want.Judge([]byte(row.answer))
			assert.Equal(t, row.ok, ok)
			if row.ok {
				assert.Equal(t, row.host, string(host))
			}
		})
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		want         reply.Want
		any, oneRead bool
	}{
		"nothing":   {reply.Want{}, true, true},
		"a match":   {reply.Want{Match: regexp.MustCompile("a")}, false, true},
		"a text":    {reply.Want{Text: []byte("a")}, false, true},
		"an end":    {reply.Want{Until: []byte("a")}, false, false},
		"a length":  {reply.Want{Bytes: 1}, false, false},
		"all of it": {reply.Want{Match: regexp.MustCompile("a"), Until: []byte("a")}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.any, row.want.Any())
			assert.Equal(t, row.oneRead, row.want.OneRead())
		})
	}
}
