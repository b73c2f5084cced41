package mesh

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// What an option is when it has its zero value; the first two are pingmesh's.
const (
	DefaultDelay    = 10 * time.Second
	DefaultMaxFail  = 100
	DefaultMaxPeers = 1000
)

// Limits of the time between two pings of a peer.
const (
	MinDelay = 100 * time.Millisecond
	MaxDelay = 24 * time.Hour
)

// Options are what a mesh is started with.
type Options struct {
	// Location says where this server is, 1 to 255 bytes of printable UTF-8. It is the row's name, and what peers are told.
	Location string
	// Hostname and Port are told in the list of peers; they may be empty.
	Hostname string
	Port     int

	// Peers are pinged from the start.
	Peers []Target
	// Discover are URLs of which every address that their host name has is a peer; it is resolved again and again.
	Discover []Target
	// Delay, Limit and MaxFail are those of peers that have none of their own. Delay is the time from one ping to the next, 0
	// is DefaultDelay. After Limit pings that succeed, 0 is no limit, or MaxFail failures in a row, 0 is DefaultMaxFail and
	// below 0 is no limit, the peer is given up.
	Delay   time.Duration
	Limit   int
	MaxFail int
	// Timeout is that of one ping; 0 is ping.DefaultTimeout.
	Timeout time.Duration
	// Insecure pings https without looking at certificates.
	Insecure bool
	// MaxPeers is how many there may be; 0 is DefaultMaxPeers.
	MaxPeers int
	// Allow limits the addresses that are connected to; none is no limit.
	Allow []netip.Prefix

	// Token lets callers change the list over HTTP. Without one only those on this host can. Blanks and line ends around it do not
	// count; control characters within can't be sent in a header, and are refused.
	Token string
	// State is the file in which the list outlives the process; "" is none. One server at a time can have it: a second one does not start.
	State string

	// Quit and Environ, if set, serve /v1/quit and /v1/env, which take a Token.
	Quit    func()
	Environ func() []string

	// Output gets one line for each ping, and the averages when a peer ends; nil is none.
	Output io.Writer
	// OnPing, if set, is told of every ping, from several goroutines. It must not block.
	OnPing func(Ping)
	// Log gets what peers do wrong, and changes of the list; nil is no log.
	Log *slog.Logger
}

// Descriptors is how many the mesh takes at most: two for each peer, its timer and its ping.
func (o *Options) Descriptors() int {
	return 2*cmp.Or(max(o.MaxPeers, 0), DefaultMaxPeers) + fetchers + listers
}

// Ping is one that has been made.
type Ping struct {
	*ping.Result
	To string // the peer's location, or its URL as long as it has not told one
}

// An OptionError says which option was wrong, and what is accepted.
type OptionError struct {
	Option string // the field of Options
	Value  string
	Reason string
}

func (e *OptionError) Error() string { return fmt.Sprintf("%s %q: %s", e.Option, e.Value, e.Reason) }

// Check tells what Start would refuse, as far as that can be known before it listens: an *OptionError.
func (o Options) Check() error {
	if err := o.complete(); err != nil {
		return err
	}
	if o.State == "" {
		return nil
	}
	if err := checkState(o.State); err != nil {
		return &OptionError{"State", o.State, err.Error()}
	}
	return nil
}

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	if !reply.Valid([]byte(o.Location)) {
		reason := fmt.Sprintf("not a location: use 1 to %d bytes of printable UTF-8", reply.MaxLength)
		return &OptionError{"Location", o.Location, reason}
	}
	if err := o.completeToken(); err != nil {
		return err
	}
	if o.Delay == 0 {
		o.Delay = DefaultDelay
	}
	if o.MaxFail == 0 {
		o.MaxFail = DefaultMaxFail
	}
	if o.MaxPeers == 0 {
		o.MaxPeers = DefaultMaxPeers
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case checkDelay(o.Delay) != nil:
		return &OptionError{"Delay", o.Delay.String(), checkDelay(o.Delay).Error()}
	case o.Limit < 0:
		return &OptionError{"Limit", strconv.Itoa(o.Limit), "must be 1 or more, or 0 for no limit"}
	case o.Timeout < 0:
		return &OptionError{"Timeout", o.Timeout.String(), "must be above 0, or 0 for " + ping.DefaultTimeout.String()}
	case o.MaxPeers < 0:
		return &OptionError{"MaxPeers", strconv.Itoa(o.MaxPeers), fmt.Sprintf("must be 1 or more, or 0 for %d", DefaultMaxPeers)}
	case len(o.Peers) > o.MaxPeers:
		return &OptionError{"Peers", strconv.Itoa(len(o.Peers)), fmt.Sprintf("more peers than MaxPeers, %d: raise it", o.MaxPeers)}
	case (o.Quit != nil || o.Environ != nil) && o.Token == "":
		return &OptionError{"Token", "", "needed for /v1/env and /v1/quit"}
	}
	return nil
}

// completeToken takes off what a file or an editor has put around the token. The error does not show it.
func (o *Options) completeToken() error {
	trimmed := strings.TrimSpace(o.Token)
	switch {
	case trimmed == "" && o.Token != "":
		return &OptionError{"Token", hidden, "it is blank: give one of visible characters, or none"}
	case !httpguts.ValidHeaderFieldValue(trimmed):
		at := strings.IndexFunc(trimmed, func(r rune) bool { return r != '\t' && (r < ' ' || r == 0x7f) })
		return &OptionError{"Token", hidden, fmt.Sprintf(
			"byte %d is the control character %q, so it can't be sent in a header: give one line of visible characters", at, trimmed[at])}
	}
	o.Token = trimmed
	return nil
}

func checkDelay(d time.Duration) error {
	if d < MinDelay || d > MaxDelay {
		return errDelay
	}
	return nil
}

var errDelay = errors.New("the delay must be within " + MinDelay.String() + " and 24h")
