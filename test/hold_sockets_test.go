//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a companion server tells of its host is what that host's own k6 tells, and both agree with the metrics.
func TestSocketsOfRemote(t *testing.T) {
	const connections = 300
	ns := newNamespace(t)
	listener := freePort(t)
	c := startCompanion(t, ns, "127.0.0.1", "-http", listener)
	c.awaitLine(t, `"HTTP on; `)
	points := filepath.Join(t.TempDir(), "points.json")
	done := holdTest{
		ns: ns, flags: []string{"--out", "json=" + points},
		args: object{"target": c.address, "port": portNumber(t, c.address), "pid": c.cmd.Process.Pid, "http": "http://" + listener, "httpPort": portNumber(t, listener), "connections": connections},
		body: `
			const held = await hold(args.target, { connections: args.connections });
			const of = [{ port: args.port }, { pid: args.pid }, { port: args.port, pid: args.pid }];
			await until(async () => (await sockets(of[1])).established >= args.connections);
			for (const query of of) {
				tell('local', await sockets(query));
				tell('remote', await sockets(Object.assign({ remote: args.http, tags: { site: 'far' } }, query)));
				await until(async () => { // the server has closed what it was asked over, or the next table has it
					const { total, listen, time_wait } = await sockets({ port: args.httpPort });
					return total === listen + time_wait;
				});
			}
			tell('peer', await sockets({ remote: args.target }));
			tell('peersPort', await sockets({ remote: ':' + args.port }));
			tell('all', await sockets());
			tell('closed', await held.close());
		`,
	}.run(t)
	var tables [2][]socketTable
	for i, name := range []string{"local", "remote"} {
		for _, text := range done.told[name] {
			var table socketTable
			require.NoError(t, json.Unmarshal([]byte(text), &table))
			tables[i] = append(tables[i], table)
		}
	}
	require.Len(t, tables[0], 3)
	require.Len(t, tables[1], 3)
	for i := range tables[0] {
		local, remote := tables[0][i], tables[1][i]
		require.NotNil(t, local.FDs)
		require.NotNil(t, remote.FDs)
		// Only the server itself has the connection over which it is asked.
		assert.InDelta(t, *local.FDs, *remote.FDs, 2, "descriptors")
		assert.Equal(t, *local.FDLimit, *remote.FDLimit)
		if i == 1 {
			local.Established, local.Total = local.Established+1, local.Total+1
			remote.CloseWait, local.CloseWait = 0, 0
		}
		local.FDs, remote.FDs = nil, nil
		if i != 1 {
			assert.EqualValues(t, connections, local.Established)
		}
		assert.Equal(t, local, remote, "query %d", i)
	}
	assert.EqualValues(t, connections, tells[socketTable](t, done, "peer").Established)
	assert.EqualValues(t, connections, tells[socketTable](t, done, "peersPort").Established)
	assert.GreaterOrEqual(t, tells[socketTable](t, done, "all").Established, int64(2*connections))

	all := readPoints(t, points)
	for _, name := range []string{"mconnect_sockets", "mconnect_fds", "mconnect_fd_limit"} {
		require.Contains(t, all, name)
		assert.Equal(t, "gauge default", all[name].kind+" "+all[name].contains, name)
	}
	assert.True(t, slices.ContainsFunc(all["mconnect_sockets"].points, func(p point) bool {
		return p.Tags["state"] == "established" && p.Tags["port"] == portOf(t, c.address) && p.Tags["remote"] == "http://"+listener &&
			p.Tags["site"] == "far" && p.Tags["pid"] == "" && p.Value == connections
	}), "mconnect_sockets of the remote host")
	assert.True(t, slices.ContainsFunc(all["mconnect_fds"].points, func(p point) bool { return p.Value >= connections }))
}

// answers makes a peer that says a text when it has been asked over HTTP; what comes before the question is no answer.
func answers(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			says(text)(conn)
		}
	}
}

// A table that can't be had rejects, and says whose it was and why.
func TestSocketsFailures(t *testing.T) {
	// The host may be anyone's: it is not followed to another one, and not read for ever.
	elsewhere := startPeer(t, nil, answers("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"total\":1}")).address
	redirect := "HTTP/1.1 302 Found\r\nLocation: http://" + elsewhere + "/\r\nContent-Length: 0\r\n\r\n"
	endless := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64<<10) + "\r\nContent-Length: 11\r\n\r\n{\"total\":1}"
	tests := []struct {
		name, options string
		says          []string
	}{
		{"dead remote", `{remote: 'http://` + refusing(t, unix.SOCK_STREAM) + `', port: 80}`, []string{"sockets()", "http://127.0.0.1:", "refused"}},
		{"remote that speaks no HTTP", `{remote: 'http://` + startPeer(t, nil, says("hello\n\n")).address + `'}`, []string{"sockets()", "http://127.0.0.1:"}},
		{"remote that closes", `{remote: 'http://` + startPeer(t, nil, hangUp).address + `'}`, []string{"sockets()", "http://127.0.0.1:"}},
		{"remote name that does not resolve", `{remote: 'http://nowhere.invalid:1'}`, []string{"sockets()", "nowhere.invalid"}},
		{"remote that redirects", `{remote: 'http://` + startPeer(t, nil, answers(redirect)).address + `'}`, []string{"sockets()", "http://127.0.0.1:", "302"}},
		{"remote with an endless header", `{remote: 'http://` + startPeer(t, nil, answers(endless)).address + `'}`, []string{"sockets()", "response headers exceeded"}},
		{"no such process", `{pid: 2147483647}`, []string{"sockets()", "2147483647", "no process has that number"}},
	}
	list := make([]string, 0, len(tests))
	for _, test := range tests {
		list = append(list, test.options)
	}
	done := holdTest{body: `
		for (const options of [` + strings.Join(list, ",") + `]) {
			try {
				await sockets(options);
				tell('failure', 'none');
			} catch (error) {
				tell('failure', error.message);
			}
		}`}.run(t)
	require.Len(t, done.told["failure"], len(tests))
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, part := range test.says {
				assert.Contains(t, done.told["failure"][i], part)
			}
		})
	}
}

// preflight() names what a test of that size lacks here, before it fails.
func TestPreflight(t *testing.T) {
	type flight struct {
		OK     bool `json:"ok"`
		Checks []struct {
			Name          string
			Value, Needed float64
			OK            bool
			Fix           string
		}
	}
	done := holdTest{body: `
		tell('small', preflight());
		tell('large', preflight({ connections: 1000000 }));
		tell('one', preflight({ connections: 1000000, targets: 1 }));
		tell('many', preflight({ connections: 1000000, source: '10.0.0.0/24', targets: 4 }));
		tell('fixed', preflight({ connections: 21, source: '127.0.0.0/31', sourcePorts: '20000-20009' }));
	`}.run(t)
	small, large := tells[flight](t, done, "small"), tells[flight](t, done, "large")
	assert.True(t, small.OK, "%+v", small)
	assert.False(t, large.OK)
	lacking := func(f flight) []string {
		var names []string
		for _, c := range f.Checks {
			assert.Equal(t, c.Value >= c.Needed, c.OK, "%+v", c)
			if !c.OK {
				names = append(names, c.Name)
				assert.NotEmpty(t, c.Fix, c.Name)
			}
		}
		return names
	}
	assert.Empty(t, lacking(small))
	const ports = "source ports x sources x targets"
	assert.Subset(t, lacking(large), []string{"file descriptors", ports})
	assert.Equal(t, large.OK, tells[flight](t, done, "one").OK)
	assert.Contains(t, lacking(tells[flight](t, done, "many")), "file descriptors")
	assert.NotContains(t, lacking(tells[flight](t, done, "many")), ports)
	assert.Len(t, lacking(tells[flight](t, done, "fixed")), 1, "2 x 10 are not enough for 21")
	for _, c := range large.Checks {
		if c.Name == "file descriptors" {
			assert.Contains(t, c.Fix, "ulimit -n")
			assert.GreaterOrEqual(t, c.Needed, 1e6)
		}
	}
}

// What preflight() would name, hold() warns of: once, however many calls need it, and it goes on.
func TestHoldWarnsOnce(t *testing.T) {
	c := startCompanion(t, nil, "127.0.0.1")
	for _, test := range []struct {
		name        string
		connections int
		warnings    int
		all         bool // whether all can be held nevertheless
	}{
		{"enough descriptors", 100, 0, true},
		{"hardly enough descriptors", 190, 1, true},
		{"too few descriptors", 400, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := holdTest{
				wrapper: []string{"prlimit", "--nofile=256:256"},
				args:    object{"target": c.address, "connections": test.connections},
				body: `
					for (let i = 0; i < 3; i++) {
						const held = await hold(args.target, { connections: args.connections });
						tell('held' + i, await held.close());
					}`,
			}.run(t)
			warnings := done.logged("this machine lacks something")
			require.Len(t, warnings, test.warnings, "%s", done.stderr)
			for _, warning := range warnings {
				assert.Contains(t, warning, "file descriptors: 256")
				assert.Contains(t, warning, "ulimit -n")
			}
			for _, name := range []string{"held0", "held1", "held2"} {
				r := done.result(t, name)
				if test.all {
					assert.EqualValues(t, test.connections, r.States.Completed, "%v", r.FirstErrors)
					continue
				}
				assert.Equal(t, r.States.Error, r.Errors["fd_limit"], "%v", r.FirstErrors)
				assert.InDelta(t, 230, r.EstablishedMax, 20, "%v", r.FirstErrors)
			}
		})
	}
}
