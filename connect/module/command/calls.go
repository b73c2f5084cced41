package command

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/flags"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// call is one of the functions of the JavaScript API, as a command.
type call struct {
	name     string
	use      string // its arguments
	short    string
	examples []string // without `k6 x mconnect`
	least    int      // number of targets
	most     int      // likewise
	run      func(s *session, targets []string, object any) (*finished, error)
}

// many is more targets than anybody gives.
const many = 1 << 16

// calls are in the order of index.d.ts.
var calls = []call{
	{
		name: "flood", use: "TARGET...", least: 1, most: many, run: flood,
		short: "Connect, read who answers, close: does every connect succeed, and how is it balanced?",
		examples: []string{
			"flood 10.0.0.2:5001 --connections 20000 --expect-hosts web-1,web-2,web-3",
			"flood 10.0.0.2:5001 --connections 1000 --source 198.18.0.0/16 --expect-balance true",
			`flood redis:6379 --payload 'PING\r\n' --reply-match '/^\+(PONG)/' --reply-until '\r\n'`,
			"flood [2001:db8::2]:5001 --network udp --connections 1000 --json - | jq .",
		},
	},
	{
		name: "hold", use: "TARGET...", least: 1, most: many, run: hold,
		short: "Open connections and keep them: how many does the service hold, and for how long?",
		examples: []string{
			"hold web:80 --connections 5000 --duration 10m",
			"hold 10.0.0.2:5001 --connections 100000 --rate 5000 --keepalive 30s --duration 1h --html hold.html",
		},
	},
	{
		name: "traffic", use: "TARGET...", least: 1, most: many, run: traffic,
		short: "Send packets that are echoed: what happens to live connections when backends come and go?",
		examples: []string{
			"traffic 10.0.0.2:5003 --connections 100 --rate 1000 --duration 1m --expect-recovery 2s",
			"traffic 10.0.0.2:5003 --connections 100 --packet-size 64,1400 --verify --html traffic.html",
		},
	},
	{
		name: "capacity", use: "TARGET...", least: 1, most: many, run: capacity,
		short:    "Find out how many connections the target holds, and what stops it",
		examples: []string{"capacity web:80 --expect-connections 10000"},
	},
	{
		name: "idle", use: "TARGET...", least: 1, most: many, run: idle,
		short:    "Find out how long a connection may be silent before something on the way forgets it",
		examples: []string{"idle 10.0.0.2:5003 --to 15m --expect-timeout 5m"},
	},
	{
		name: "ping", use: "URL|TARGET", least: 1, most: 1, run: pingAny,
		short:    "Time one HTTP request, or one TCP connect, phase by phase",
		examples: []string{"ping https://web.example/ --timeout 2s", "ping web.example:443"},
	},
	{
		name: "sockets", run: countSockets,
		short:    "Count the sockets of this host, or of one that runs mconnect-server, by state",
		examples: []string{"sockets --port 5001", "sockets --port 5001 --expect-close-wait 0 --expect-within 10s"},
	},
	{
		name: "preflight", run: preflight,
		short:    "Say what this machine lacks for a test of that size",
		examples: []string{"preflight --connections 100000 --source 198.18.0.0/16"},
	},
}

// command returns the call as a command.
func (d *call) command(gs *state.GlobalState) *cobra.Command {
	s := newSession(gs, d.name)
	c := d.bare()
	set := flags.Add(c.Flags(), d.name)
	complete(c, d.name)
	if tags := c.Flags().Lookup("tags"); tags != nil { // without a script there are no metrics to have them
		tags.Usage = "Tell calls apart in the summary, in recordings, and in what report makes of them (name=text, several with commas between)"
	}
	s.addFlags(c.Flags())
	if d.name == "hold" || d.name == "traffic" {
		s.changes.addFlags(c.Flags())
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		for _, remark := range set.Remarks() {
			gs.Logger.Warn(remark)
		}
		return failed(s.do(d, args, set.Object()))
	}
	return c
}

// complete makes shells complete the words that flags take.
func complete(c *cobra.Command, call string) {
	for _, o := range options.Of(call) {
		words := o.Words
		if len(words) == 0 {
			continue
		}
		_ = c.RegisterFlagCompletionFunc(flags.Name(o.Path), func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return words, cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// bare is the command without flags.
func (d *call) bare() *cobra.Command {
	return &cobra.Command{
		Use:     strings.TrimSpace(d.name + " " + d.use + " [flags]"),
		Short:   d.short,
		Example: "  k6 x mconnect " + strings.Join(d.examples, "\n  k6 x mconnect "),
		Args:    inError(d.check),
	}
}

// check checks the number of targets. The call itself checks what they are.
func (d *call) check(c *cobra.Command, args []string) error {
	if n := len(args); n < d.least || n > d.most {
		return fmt.Errorf("got %d arguments; want: %s\n\n%s", n, c.UseLine(), c.Example)
	}
	if config := c.Flag("config"); config != nil && config.Changed { // k6 takes tcpgoon's -c for its own, and passes over a file that is missing
		if _, err := strconv.Atoi(config.Value.String()); err == nil {
			return fmt.Errorf("got -c %s, which is k6's --config; do you mean --connections %s?", config.Value, config.Value)
		}
	}
	for _, arg := range args {
		if arg == "true" || arg == "false" {
			return fmt.Errorf("got the argument %q; write the value of a flag that is on or off with an equals sign, as in --reconnect=%s", arg, arg)
		}
	}
	return nil
}
