package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// peers are the addresses of a server, for placeholders in command lines.
func peers(t *testing.T) *strings.Replacer {
	t.Helper()
	srv, err := server.Start(server.Options{
		Address: "127.0.0.1:0", UDP: true, Echo: "127.0.0.1:0", HTTP: "127.0.0.1:0", Hostname: "web-1", Log: nil,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, srv.Stop(ctx))
	})
	text := func(a netip.AddrPort) string { return a.String() }
	web := srv.Addr()
	return strings.NewReplacer("HOSTPORT", text(srv.HTTPAddr()), "HOST", web.Addr().String(), "PORT", strconv.Itoa(int(web.Port())), "WEB", text(srv.Addr()), "ECHO", text(srv.EchoAddr()), "HTTP", "http://"+text(srv.HTTPAddr()))
}

// exitCode is what k6 exits with.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var coded errext.HasExitCode
	if !errors.As(err, &coded) {
		return -1
	}
	return int(coded.ExitCode())
}

// Each call tells its verdicts, and exits with 0 if all hold, 99 if one does not, and 1 on an error.
func TestCalls(t *testing.T) {
	t.Parallel()
	to := peers(t)
	for name, row := range map[string]struct {
		line string
		code int
		says []string
	}{
		"flood":                {"flood WEB --connections 20", 0, []string{"20 of 20", "answered"}},
		"flood, udp":           {"flood WEB --network udp --connections 20", 0, []string{"20 of 20"}},
		"flood, two targets":   {"flood WEB WEB --connections 20", 0, []string{"20 of 20"}},
		"flood, with tags":     {"flood WEB --tags site=ham,rack=1", 0, []string{"(rack:1, site:ham)"}},
		"flood, a host lacks":  {"flood WEB --connections 20 --expect-hosts web-1,web-2", 99, []string{"web-2"}},
		"flood, refused":       {"flood 127.0.0.1:1 --connections 2", 99, []string{"refused", "check that a server"}},
		"flood, tolerated":     {"flood 127.0.0.1:1 --expect-connected 0", 0, nil},
		"hold":                 {"hold WEB --connections 5 --duration 300ms", 0, []string{"kept"}},
		"traffic":              {"traffic ECHO --connections 2 --rate 50 --duration 300ms", 0, []string{"recovered"}},
		"traffic, bytes":       {"traffic ECHO --packet-size 64,1400 --verify --duration 300ms", 0, []string{"intact"}},
		"capacity":             {"capacity WEB --connections 20 --step 10 --patience 50ms", 0, []string{"capacity"}},
		"capacity, too little": {"capacity WEB --connections 20 --step 20 --patience 50ms --expect-connections 21", 99, nil},
		"idle":                 {"idle ECHO --from 20ms --to 40ms --precision 20ms --connections 2", 0, nil},
		"ping":                 {"ping HTTP/v1/ping", 0, []string{"timestamp"}},
		"ping, a TCP target":   {"ping WEB", 0, nil},
		"ping, refused":        {"ping 127.0.0.1:1", 99, []string{"refused"}},
		"sockets":              {"sockets --expect-total 1000000", 0, []string{"established"}},
		"preflight":            {"preflight", 0, []string{"file descriptors", "✓ available memory in MiB: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, "", strings.Fields(to.Replace(row.line))...)
			assert.Equal(t, row.code, exitCode(r.err), "%v\n%s", r.err, r.stdout)
			for _, part := range row.says {
				assert.Contains(t, r.stdout, part)
			}
		})
	}
}

// A wrong command line is an error in words of flags, with exit code 1.
func TestWrongCalls(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"flood":                                        "want: mconnect flood TARGET...",
		"flood web":                                    "want host:port",
		"flood 127.0.0.1:1 --connections many":         `--connections: got "many"; want a whole number`,
		"flood 127.0.0.1:1 --connection 5":             "unknown flag: --connection; do you mean --connections? ",
		"flood 127.0.0.1:1 --conections 5":             "do you mean --connections? ",
		"flood http://10.0.0.2:5001/":                  `"http://10.0.0.2:5001/" is a URL; want host:port, such as 10.0.0.2:5001, without http://`,
		"flood 127.0.0.1:1 --json /none/x.json":        "--json: open /none/x.json",
		"flood 127.0.0.1:1 --read-reply false":         "--reconnect=false",
		"flood 127.0.0.1:1 --tags proto=b":             "not free",
		"floot 127.0.0.1:1":                            `unknown command "floot"; do you mean flood?`,
		"127.0.0.1:1":                                  "k6 x mconnect flood 10.0.0.2:5001",
		"hold 127.0.0.1:1 --network udp":               "--keepalive 10s or the like",
		"flood 127.0.0.1:1 --source ::1":               "different families",
		"ping ftp://web/":                              "ftp",
		"sockets web":                                  "got 1 arguments",
		"flood 127.0.0.1:1 --expect-hosts=":            "--expect-hosts",
		"flood 127.0.0.1:1 --json /dev/null/none.json": "",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := run(t, "", strings.Fields(line)...)
			assert.ErrorContains(t, r.err, says)
			assert.Equal(t, 1, exitCode(r.err))
			assert.Empty(t, r.stdout, "nothing was done")
		})
	}
}

// Seconds without their unit are milliseconds, which is said.
func TestShortDuration(t *testing.T) {
	t.Parallel()
	to := peers(t)
	for line, says := range map[string]string{
		"traffic ECHO --duration 50":              "--duration 50 is 50 ms; do you mean 50s?",
		"flood WEB --connect-timeout 50":          "--connect-timeout 50 is 50 ms",
		"flood WEB --connect-timeout 5000":        "",
		"traffic ECHO --duration 50ms --rate 100": "",
	} {
		log := run(t, "", strings.Fields(to.Replace(line))...).log
		assert.Contains(t, log, says, line)
		assert.Equal(t, says != "", strings.Contains(log, "do you mean"), line)
	}
}

// A recording says what the table of sockets was of, as those of other calls say what they were to.
func TestSocketsAreRecorded(t *testing.T) {
	t.Parallel()
	r := run(t, "", "sockets", "--port", "9", "--peer", "10.0.0.1", "--expect-established", "0", "--json", "-")
	require.NoError(t, r.err)
	var recorded struct {
		ByCall []struct {
			Call    string   `json:"call"`
			Targets []string `json:"targets"`
		} `json:"by_call"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &recorded))
	require.Len(t, recorded.ByCall, 1)
	assert.Equal(t, "sockets", recorded.ByCall[0].Call)
	assert.Equal(t, []string{"peer 10.0.0.1", "port 9"}, recorded.ByCall[0].Targets)
}

// The result is a file, or standard output, which then has nothing else.
func TestJSON(t *testing.T) {
	t.Parallel()
	to := peers(t)
	name := filepath.Join(t.TempDir(), "run.json")
	r := run(t, "", strings.Fields(to.Replace("flood WEB --connections 7 --json "+name))...)
	require.NoError(t, r.err)
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	piped := run(t, "", strings.Fields(to.Replace("flood WEB --connections 7 --json -"))...)
	require.NoError(t, piped.err)
	for _, text := range []string{string(written), piped.stdout} {
		var result struct{ Hosts map[string]int64 }
		require.NoError(t, json.Unmarshal([]byte(text), &result))
		assert.Equal(t, map[string]int64{"web-1": 7}, result.Hosts)
	}
	told := run(t, "", "report", name)
	require.NoError(t, told.err)
	assert.Contains(t, told.stdout, "web-1")
}
