package module

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// pingResult is a ping.Result with durations in milliseconds.
type pingResult struct {
	pingLine
	To       string `json:"to"`
	Location string `json:"location"`
	pingFailure
	FailedIn ping.Phase `json:"failed_in,omitempty"`
	trouble  string     // see [ping.Result.Trouble]
}

// pingLine is what of a pingResult its line tells.
type pingLine struct {
	StartTime  time.Time `json:"start_time"`
	From       string    `json:"from"`
	URL        string    `json:"url"`
	DNS        float64   `json:"dns"`
	Connect    float64   `json:"connect"`
	TLS        float64   `json:"tls"`
	FirstByte  float64   `json:"first_byte"`
	LastByte   float64   `json:"last_byte"`
	Total      float64   `json:"total"`
	Status     int       `json:"status"`
	Size       int64     `json:"size"`
	RemoteAddr string    `json:"remote_addr"`
}

// tcpPingResult is a connect.TCPPong with durations in milliseconds.
type tcpPingResult struct {
	StartTime      time.Time `json:"start_time"`
	From           string    `json:"from"`
	To             string    `json:"to"`
	DNS            float64   `json:"dns"`
	Connect        float64   `json:"connect"`
	RTT            float64   `json:"rtt"`
	SYNRetransmits int64     `json:"syn_retransmits"`
	RemoteAddr     string    `json:"remote_addr"`
	pingFailure
}

// pingFailure says whether a ping has failed, and why, if that is not the HTTP status.
type pingFailure struct {
	Failed  bool          `json:"failed"`
	Error   connect.Class `json:"error,omitempty"`
	Message string        `json:"error_message,omitempty"`
}

// wholeStatus is 0 for an answer that was cut off, as for none: what was begun with 200 must not be counted as good.
func (r *pingResult) wholeStatus() int {
	if r.Error != connect.ClassNone {
		return 0
	}
	return r.Status
}

func toPingFailure(failed bool, class connect.Class, err error) pingFailure {
	f := pingFailure{Failed: failed, Error: class}
	if err != nil {
		f.Message = quote.Error(err).Error()
	}
	return f
}

func toPingResult(r *ping.Result, to string) *pingResult {
	return &pingResult{
		pingLine: pingLine{
			StartTime: r.Start, From: r.From, URL: r.URL,
			DNS: ms(r.DNS), Connect: ms(r.Connect), TLS: ms(r.TLS),
			FirstByte: ms(r.FirstByte), LastByte: ms(r.LastByte), Total: ms(r.Total),
			Status: r.Status, Size: r.Size, RemoteAddr: addrText(r.RemoteAddr),
		},
		To: cmp.Or(to, r.Location, hostOf(r.URL)), Location: r.Location,
		pingFailure: toPingFailure(r.Failed(), r.Class, r.Err), FailedIn: r.FailedIn, trouble: r.Trouble(),
	}
}

func toTCPPingResult(p connect.TCPPong, lookup time.Duration, from, to string) *tcpPingResult {
	return &tcpPingResult{
		StartTime: p.Start, From: from, To: to, DNS: ms(lookup), Connect: ms(p.Connect), RTT: ms(p.RTT),
		SYNRetransmits: p.SYNRetransmits, RemoteAddr: addrText(p.RemoteAddr),
		pingFailure: toPingFailure(p.Class != connect.ClassNone, p.Class, advice.OnError(p.Err)),
	}
}

func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	return u.Host
}

func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// format is format(result) of the JS API: perftest's line for a result of ping().
func (i *instance) format(of sobek.Value) string {
	line, err := formatPing(i.exported(of))
	if err != nil {
		i.throw("format", fmt.Errorf("format(): %w", err))
	}
	return line
}

func formatPing(of any) (string, error) {
	const accepted = "want a result of ping()"
	object, ok := of.(map[string]any)
	if _, complete := object["first_byte"]; !ok || !complete {
		return "", errors.New(accepted)
	}
	text, err := json.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("%w; %s", err, accepted)
	}
	var line struct {
		pingLine
		Error connect.Class `json:"error"`
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return "", fmt.Errorf("%w; %s", err, accepted)
	}
	if line.StartTime.IsZero() || !line.sane() {
		return "", errors.New(accepted)
	}
	result := line.result()
	result.Class = line.Error
	return result.Format(), nil
}

// sane reports whether the times are such as a ping takes: others don't fit into a time.Duration.
func (l *pingLine) sane() bool {
	const most = float64(10*365*24*time.Hour) / float64(time.Millisecond)
	for _, d := range []float64{l.DNS, l.Connect, l.TLS, l.FirstByte, l.LastByte, l.Total} {
		if d < 0 || d > most {
			return false
		}
	}
	return true
}

// result has all of a ping.Result that its Format tells.
func (l *pingLine) result() *ping.Result {
	remote, _ := netip.ParseAddrPort(l.RemoteAddr) // "" if there is none
	return &ping.Result{
		Start: l.StartTime, From: l.From, URL: l.URL,
		DNS: fromMS(l.DNS), Connect: fromMS(l.Connect), TLS: fromMS(l.TLS),
		FirstByte: fromMS(l.FirstByte), LastByte: fromMS(l.LastByte), Total: fromMS(l.Total),
		Status: l.Status, Size: l.Size, RemoteAddr: remote,
	}
}
