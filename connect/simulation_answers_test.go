package connect

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// greetings are what peers say first, and the host that this names.
var greetings = []struct {
	says []byte
	host string
}{
	{[]byte("web-1"), "web-1"},
	{[]byte("web-2"), "web-2"},
	{[]byte("web-3\x00rest"), "web-3"},
	{[]byte("web-4\r\nmore"), "web-4"},
	{[]byte("web-5\tand source"), "web-5"},
	{[]byte("web-5\t192.0.2.7:1000"), "web-5"},
	{[]byte("web-5\t[ff02::1]:1000"), "web-5"}, // which simulated connections come from
	{[]byte("wéb"), "wéb"},
	{[]byte("\x00"), ""},
	{[]byte("\xff\xfe"), ""},
	{[]byte("a\x1b[31m"), ""},
	{[]byte("\n"), ""},
}

// names are the hosts that reads name.
var names = func() map[string]string {
	hosts := map[string]string{
		"alive": "alive", "also": "also", "more": "more", "moved": "moved", "421 timeout": "421 timeout", "": "",
		"web-5\t192.0.2.7:1000": "web-5", "web-5\t192.0.2.7:2000": "web-5",
	}
	for _, g := range greetings {
		hosts[string(g.says)] = g.host
	}
	return hosts
}()

// simulatedWant is an answer that is wanted, what peers say that is right and what is not, and a judge of its own.
type simulatedWant struct {
	reply.Want
	right, wrong [][]byte
	judge        func(heard []byte) simulated.Verdict
}

func texts(list ...string) (all [][]byte) {
	for _, text := range list {
		all = append(all, []byte(text))
	}
	return all
}

var maxAnswer = bytes.Repeat([]byte("."), 33_000) // two of them are too long

var more = []byte("more")

// simulatedWants are some of them. The first one is a host's name.
var simulatedWants = []simulatedWant{
	{
		right: texts("web-1", "web-3\x00rest"), wrong: texts("\xff\xfe"),
		judge: func(heard []byte) simulated.Verdict {
			host := names[string(heard)]
			return simulated.Verdict{Complete: true, Right: host != "", Host: host}
		},
	},
	{
		Want:  reply.Want{Until: []byte("\n"), Match: regexp.MustCompile(`^\+PONG (\S+)`)},
		right: texts("+PONG web-1\r\n", "+PONG w\nand more"), wrong: texts("-ERR\r\n", "\n", "+PONG \n", string(maxAnswer)+"\n"),
		judge: judgeLine,
	},
	{
		Want:  reply.Want{Bytes: 7, Text: []byte("PONG")},
		right: texts("..PONG.", "PONG......."), wrong: texts("....PONG", "-ERR\r\n.", "PON...G"),
		judge: func(heard []byte) simulated.Verdict {
			if len(heard) < 7 {
				return simulated.Verdict{}
			}
			right := strings.Contains(string(heard[:7]), "PONG")
			return simulated.Verdict{Complete: true, Right: right, Host: known(right)}
		},
	},
	{
		Want:  reply.Want{Match: regexp.MustCompile("(?i)pong")},
		right: texts("xPOnGx"), wrong: texts("PO", "\xff"),
		judge: func(heard []byte) simulated.Verdict {
			right := strings.Contains(strings.ToLower(string(heard)), "pong")
			return simulated.Verdict{Complete: true, Right: right, Host: known(right)}
		},
	},
}

// known is the host of an answer that names none.
func known(right bool) string {
	if right {
		return UnknownHost
	}
	return ""
}

func judgeLine(heard []byte) simulated.Verdict {
	end := bytes.IndexByte(heard, '\n')
	switch {
	case end < 0 && len(heard) <= reply.MaxAnswer:
		return simulated.Verdict{}
	case end < 0 || end >= reply.MaxAnswer:
		return simulated.Verdict{Complete: true}
	}
	rest, isPong := bytes.CutPrefix(heard[:end], []byte("+PONG "))
	if space := bytes.IndexAny(rest, " \t\f\r"); space >= 0 {
		rest = rest[:space]
	}
	name := latin1(rest[:min(len(rest), reply.MaxLength+1)])
	if !isPong || !reply.Valid([]byte(name)) {
		return simulated.Verdict{Complete: true}
	}
	return simulated.Verdict{Complete: true, Right: true, Host: name}
}

// latin1 takes each byte for a character.
func latin1(data []byte) string {
	text := ""
	for _, b := range data {
		text += string(rune(b))
	}
	return text
}

// says is something right or wrong.
func (w *simulatedWant) says(r *rand.Rand, right bool) []byte {
	if right {
		return w.right[r.IntN(len(w.right))]
	}
	return w.wrong[r.IntN(len(w.wrong))]
}

// greet decides what a peer says by itself.
func (w *simulatedWant) greet(r *rand.Rand, s *simulated.Script, patience time.Duration, datagrams bool) {
	if r.IntN(8) == 0 {
		return // silent
	}
	text := greetings[r.IntN(len(greetings))].says
	if w.judge != nil && r.IntN(2) == 0 {
		text = w.says(r, r.IntN(3) > 0)
	}
	if datagrams && r.IntN(20) == 0 {
		text = nil
	}
	s.Greeting = make([]simulated.Said, 1, 4)
	s.Greeting[0] = simulated.Said{After: r.Int64N(int64(patience)), Data: text}
	if len(text) > 2 && !w.OneRead() && r.IntN(2) == 0 { // in two parts
		s.Greeting[0].Data = text[:len(text)/2]
		s.Greeting = append(s.Greeting, simulated.Said{After: r.Int64N(1e6), Data: text[len(text)/2:]})
	}
	if !w.OneRead() && r.IntN(3000) == 0 {
		s.Greeting = append(s.Greeting, simulated.Said{Data: maxAnswer}, simulated.Said{Data: maxAnswer}, simulated.Said{Data: []byte("\n")})
	}
	if r.IntN(6) == 0 {
		s.Greeting[0].After = int64(patience) - int64(time.Millisecond) + r.Int64N(int64(2*time.Millisecond))
	}
	for range max(0, r.IntN(8)-5) {
		s.Greeting = append(s.Greeting, simulated.Said{After: r.Int64N(1e6), Data: more})
	}
}
