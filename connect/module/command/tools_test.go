package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command"
)

// The tools' own command lines have their text and exit codes.
func TestTools(t *testing.T) {
	t.Parallel()
	to := peers(t)
	for name, row := range map[string]struct {
		line string
		code int
		says string // a regular expression
	}{
		"mconnect":            {"-address WEB -nconn 100", 0, `^Failed connects; 0\nFailed reads; 0\nweb-1 100\n$`},
		"mconnect, udp":       {"-udp -address WEB -nconn 10", 0, `web-1 10\n$`},
		"mconnect, sources":   {"-address WEB -nconn 10 -src 127.0.0 -srcmax 20", 0, `web-1 10\n$`},
		"mconnect, refused":   {"-address 127.0.0.1:1 -nconn 3", 1, `^Failed connects; 3\nFailed reads; 0\n$`},
		"mconnect, closed":    {"-address HOSTPORT -nconn 1 -timeout 300ms", 1, `(?s)^Read err: .*Failed connects; 0\nFailed reads; 1\n$`},
		"mconnect, json":      {"-address WEB -nconn 3 -output json", 0, `^\{"hosts":\{"web-1":3\},"connects":3,"failed_connects":0,"failed_reads":0,"start_time":"20\S+","timeout":2003000000,"duration":\d+\}\n$`},
		"mconnect, unknown":   {"-nconn 3 -none", 2, `^$`},
		"tcpgoon":             {"hold HOST PORT -c 10 -s 1 -y", 0, `(?s)^Total: 10, Dialing.*--- 127\.0\.0\.1:\d+ tcp test statistics ---\nTotal: 10, Dialing: 0, Established: 10, Closed: 0, Error: 0, NotInitiated: 0\n.*Total established connections: 10\nMax concurrent established connections: 10\nNumber of established connections on closure: 10\nResponse time stats for 10 successful connections min/avg/max/dev = \S+/\S+/\S+/\S+\n`},
		"tcpgoon, refused":    {"hold 127.0.0.1 1 -c 2 -s 0 -y", 2, `Error: 2.*(?s).*Time to error stats for 2 failed connections`},
		"tcpgoon run":         {"hold run 127.0.0.1 1 -c 2 -s 0 -t 900 -d -y", 2, `Error: 2`},
		"tcpgoon, not asked":  {"hold 127.0.0.1 1 -c 2", 1, `(?s)^\*+ WARNING \*+.*Do you want to continue\? \(y/N\): \n\*\*\* Execution aborted as prompted by the user \*\*\*\n$`},
		"tcpgoon, one target": {"hold web -y", 1, `^$`},
		"ctraffic":            {"traffic -address ECHO -nconn 2 -rate 100 -timeout 1s", 0, `^\{"Started":"\S+","Duration":\d+,"Rate":100,"Connections":2,"PacketSize":1024,"FailedConnections":0,"Sent":\d+,"Received":\d+,"Dropped":\d+,"Retransmits":0,"FailedConnects":0\}\n$`},
		"ctraffic, none":      {"traffic -address ECHO -timeout 300ms -stats none", 0, `^$`},
		"perftest":            {"ping -n 2 -d 0 HTTP/v1/ping", 0, `(?s)^(\d+(\t\d+\.\d{3}){6}\t200\t.*\n){2}\nRecorded 2 samples in \d+s, average values:\n# timestamp\tDNS`},
		"perftest, quiet":     {"ping -q -n 1 HTTP/v1/ping", 0, `^\nRecorded 1 samples`},
		"perftest, verbose":   {"ping -v -n 1 -I 127.0.0.1 HTTP/v1/ping", 0, `^# timestamp\tDNS`},
		"ctraffic, retries":   {"traffic -address HOSTPORT -nconn 1 -retries 2 -timeout 30s -stats none", 1, `^$`},
		"perftest, json":      {"ping -j -n 1 HTTP/v1/ping", 0, `(?s)^\{\n  "Start": "20.*"DnsLk": \d+,\n.*"DestUrl": "http://.*/v1/ping",\n.*"RespCode": 200,\n.*\}\n\nRecorded 1 samples`},
		"perftest, webhook":   {"ping -n 1 -W http://hook/ HTTP/v1/ping", 1, `^$`},
		"perftest, port":      {"ping -n 1 -p 65536 HTTP/v1/ping", 1, `^$`},
		"perftest, mesh":      {"ping -s 8080 -j HTTP/v1/ping", 1, `^$`},
		"perftest, refused":   {"ping -n 3 -d 0 -f 2 http://127.0.0.1:1/", 0, `Recorded 0 valid samples, 2 of 2 failures`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, "", strings.Fields(to.Replace(row.line))...)
			require.NoError(t, r.err)
			assert.Equal(t, row.code, r.code, r.stdout)
			assert.Regexp(t, row.says, r.stdout)
		})
	}
}

// What ctraffic -stats all writes, its analyses read, and so does report.
func TestCtrafficStatistics(t *testing.T) {
	t.Parallel()
	to := peers(t)
	r := run(t, "", strings.Fields(to.Replace("traffic -address ECHO -nconn 3 -rate 100 -timeout 2500ms -stats all"))...)
	require.NoError(t, r.err)
	var s struct {
		ConnStats []struct{ Host, Local, Err string }
		Samples   []struct{ Time, Sent, Received int64 }
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &s))
	require.Len(t, s.ConnStats, 3)
	assert.Equal(t, "web-1", s.ConnStats[0].Host)
	assert.GreaterOrEqual(t, len(s.Samples), 2)
	name := filepath.Join(t.TempDir(), "run.json")
	require.NoError(t, os.WriteFile(name, []byte(r.stdout), 0o600))
	for analysis, says := range map[string]string{
		"hosts":       "^Lost connections: 0\nLasting connections: 3\n  web-1 3\n$",
		"throughput":  `^Time Throughput\n1\.\d* \d`,
		"connections": `^Time Active New Failed Connecting\n0\.5 \d 3 0 \d\n1\.5 3 0 0 0\n`,
	} {
		of := run(t, "", "traffic", "-analyze", analysis, "-stat_file", name)
		require.NoError(t, of.err)
		assert.Regexp(t, says, of.stdout)
	}
	assert.Contains(t, run(t, "", "report", name).stdout, "web-1")
}

// What a tool can't write, it has not told: exit code 1, unless it has failed otherwise.
func TestToolsOnAFullDisk(t *testing.T) {
	t.Parallel()
	to := peers(t)
	for _, line := range []string{
		"-address WEB -nconn 3 -output json", "-address WEB -nconn 3", "traffic -address ECHO -timeout 300ms", "ping -n 1 -d 0 HTTP/v1/ping",
	} {
		gs := state.NewGlobalState(context.Background())
		gs.Stdout.Writer = full{}
		var errs bytes.Buffer
		gs.Stderr.Writer = &errs
		code := 0
		gs.OSExit = func(c int) { code = c }
		gs.CmdArgs = command.Arguments(append([]string{"k6", "x", "mconnect"}, strings.Fields(to.Replace(line))...))
		c := command.New(gs)
		c.SetArgs(gs.CmdArgs[3:])
		require.NoError(t, c.Execute(), line)
		assert.Equal(t, 1, code, line)
		assert.Contains(t, errs.String(), syscall.ENOSPC.Error(), line)
	}
}
