package recording

import (
	"encoding/json"
	"math"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// lossList is a connect.Losses as it stands in a file. A file from before there were changes has none of it.
type lossList struct {
	Needless       count           `json:"needless"`
	Excused        count           `json:"excused"`
	NeedlessByHost hosts           `json:"needless_by_host"`
	ClosedBy       closedBy        `json:"closed_by"`
	Outages        bounded[outage] `json:"outages"`
	Changes        bounded[change] `json:"changes"`
}

type closedBy struct {
	FIN count `json:"fin"`
	RST count `json:"rst"`
}

type outage struct {
	From        span            `json:"from"`
	To          *span           `json:"to"`
	Connections count           `json:"connections"`
	Hosts       bounded[string] `json:"hosts"`
}

type change struct {
	Text   string          `json:"text"`
	Time   instantOf       `json:"time"`
	Within span            `json:"within"`
	Hosts  bounded[string] `json:"hosts"`
}

func (l *lossList) in(unit time.Duration) connect.Losses {
	r := connect.Losses{
		Needless: int64(l.Needless), Excused: int64(l.Excused), NeedlessByHost: connect.Hosts(l.NeedlessByHost),
		ClosedBy: connect.ClosedBy{FIN: int64(l.ClosedBy.FIN), RST: int64(l.ClosedBy.RST)},
		Outages:  make([]connect.Outage, 0, len(l.Outages)), Changes: make([]connect.Change, 0, len(l.Changes)),
	}
	if r.NeedlessByHost == nil {
		r.NeedlessByHost = connect.Hosts{}
	}
	for _, o := range l.Outages {
		r.Outages = append(r.Outages, connect.Outage{From: o.From.in(unit), To: o.To.inUnless(unit), Connections: int64(o.Connections), Hosts: namesOf(o.Hosts)})
	}
	for _, c := range l.Changes {
		r.Changes = append(r.Changes, connect.Change{Text: cut(c.Text, maxFirst), Time: c.Time.in(unit), Within: c.Within.in(unit), Hosts: namesOf(c.Hosts)})
	}
	return r
}

// instantOf is an instant since a call's start, or before it, in a unit that is found out later.
type instantOf float64

// UnmarshalJSON implements json.Unmarshaler.
func (i *instantOf) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, (*float64)(i))
}

// in returns the duration, given its unit; at most maxLength from the start.
func (i instantOf) in(unit time.Duration) time.Duration {
	return time.Duration(math.Round(max(min(float64(i)*float64(unit), float64(maxLength)), -float64(maxLength))))
}

// judgedCall is a connect.Judged as it stands in a file.
type judgedCall struct {
	Verdicts bounded[verdictOn] `json:"verdicts"`
}

type verdictOn struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// judged reads the verdicts. Whether all hold follows from these.
func (j *judgedCall) judged() connect.Judged {
	r := connect.Judged{OK: true, Verdicts: make([]connect.Verdict, 0, len(j.Verdicts))}
	for _, v := range j.Verdicts {
		r.OK = r.OK && v.OK
		r.Verdicts = append(r.Verdicts, connect.Verdict{Name: name(v.Name), OK: v.OK, Text: quote.Printable(quote.Middle(v.Text, maxFirst))})
	}
	return r
}
