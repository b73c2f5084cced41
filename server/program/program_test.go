package program

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Nothing here takes that long.
const patience = 20 * time.Second

func environment(variables map[string]string) lookup {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// A program is a run of the binary's run function, whose log is JSON.
type program struct {
	signals chan os.Signal
	log     *bufio.Scanner
	exit    chan int
	address string
}

func startProgram(t *testing.T, env map[string]string, args ...string) *program {
	t.Helper()
	reader, writer := io.Pipe()
	p := &program{signals: make(chan os.Signal, 2), log: bufio.NewScanner(reader), exit: make(chan int, 1)}
	go func() {
		p.exit <- run(append([]string{"-log", "json"}, args...), environment(env), io.Discard, writer, p.signals)
		_ = writer.Close()
	}()
	t.Cleanup(func() {
		p.signals <- syscall.SIGTERM
		for p.log.Scan() { // its end is that of the program
		}
	})
	p.address, _ = p.next(t)["address"].(string)
	require.NotEmpty(t, p.address)
	return p
}

// next is the next line of the log.
func (p *program) next(t *testing.T) map[string]any {
	t.Helper()
	require.True(t, p.log.Scan(), "the log has ended")
	var line map[string]any
	require.NoError(t, json.Unmarshal(p.log.Bytes(), &line), p.log.Text())
	return line
}

// stop sends signals and returns the last line of the log.
func (p *program) stop(t *testing.T, signals ...os.Signal) (last map[string]any) {
	t.Helper()
	for _, signal := range signals {
		p.signals <- signal
	}
	for last = p.next(t); last["msg"] != "Stopped"; {
		last = p.next(t)
	}
	assert.Equal(t, exitOK, <-p.exit)
	return last
}

// connect returns a connection on which the name has come.
func connect(t *testing.T, dialer net.Dialer, address, name string) net.Conn {
	t.Helper()
	conn, err := dialer.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	answer := make([]byte, len(name))
	_, err = io.ReadFull(conn, answer)
	require.NoError(t, err)
	assert.Equal(t, name, string(answer))
	return conn
}

func TestServesUntilSignal(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t, nil, "-server", "-address", "127.0.0.1:0", "-udp", "-k8sprobe", "127.0.0.1:0", "-hostname", "web-1")
			assert.Contains(t, p.next(t)["msg"], "Listen on UDP address; 127.0.0.1:")
			assert.Regexp(t, `^K8s Liveness on; http://127\.0\.0\.1:\d+/healthz$`, p.next(t)["msg"])
			conn := connect(t, net.Dialer{}, p.address, "web-1")
			_, err := conn.Write([]byte("Hello"))
			require.NoError(t, err)
			_, err = io.ReadFull(conn, make([]byte, len("web-1")))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			last := p.stop(t, signal)
			for key, want := range map[string]float64{
				"accepted": 1, "refused": 0, "active": 0, "replies": 2, "bytes_received": 5, "udp_answered": 0,
			} {
				assert.InDelta(t, want, last[key], 0, key)
			}
			assert.NotContains(t, last, "sources")
		})
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := startProgram(t, nil, "-address", "127.0.0.1:0", "-hostname", "web-1", "-drain", "1h")
	conn := connect(t, net.Dialer{}, p.address, "web-1")
	p.stop(t, syscall.SIGTERM, syscall.SIGTERM)
	_, err := conn.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}

func TestNoDrain(t *testing.T) {
	t.Parallel()
	p := startProgram(t, nil, "-address", "127.0.0.1:0", "-hostname", "web-1", "-drain", "0")
	connect(t, net.Dialer{}, p.address, "web-1")
	p.stop(t, syscall.SIGTERM)
}

func TestFlagsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"MCONNECT_ADDRESS": "127.0.0.1:0", "MCONNECT_HOSTNAME": "from-env", "MCONNECT_UDP": "true", "MCONNECT_MAX_CONNECTIONS": "7",
		// Kubernetes sets these for a service with the name mconnect, and images set the last.
		"MCONNECT_PORT": "tcp://10.0.0.1:5001", "MCONNECT_SERVICE_HOST": "10.0.0.1", "MCONNECT_VERSION": "1.2.3",
	}
	t.Run("set what flags do not", func(t *testing.T) {
		t.Parallel()
		p := startProgram(t, env)
		assert.Contains(t, p.next(t)["msg"], "Listen on UDP address")
		connect(t, net.Dialer{}, p.address, "from-env")
	})
	t.Run("flags beat them", func(t *testing.T) {
		t.Parallel()
		p := startProgram(t, env, "-hostname", "from-flag", "-udp=false", "-k8sprobe", "127.0.0.1:0")
		assert.Contains(t, p.next(t)["msg"], "K8s Liveness on")
		connect(t, net.Dialer{}, p.address, "from-flag")
	})
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, err := parse(nil, environment(nil), io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "[::1]:5001", s.options.Address)
	assert.Empty(t, s.options.Echo)
	assert.Empty(t, s.options.Probe)
	assert.False(t, s.options.UDP)
	assert.Equal(t, 65*time.Minute, s.options.IdleTimeout)
	assert.Equal(t, 5*time.Second, s.options.Drain)
	assert.Equal(t, "text", s.logFormat)
	assert.Empty(t, s.options.HTTP)
	assert.Zero(t, s.options.HTTPDelay)
	assert.Zero(t, s.options.HTTPStats, "from the first request on")
	assert.Equal(t, 30*time.Second, s.options.HTTPTimeout)
	assert.False(t, s.options.HTTPClose)
}

func TestHTTPFlags(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args    []string
		env     map[string]string
		stats   time.Duration
		address string
	}{
		"as the slow listener is started": {[]string{"-http", ":8090", "-delay", "5m", "-stats", "5s", "-close"}, nil, 5 * time.Second, ":8090"},
		"from the environment": {
			nil,
			map[string]string{"MCONNECT_HTTP": ":8090", "MCONNECT_DELAY": "5m", "MCONNECT_STATS": "5s", "MCONNECT_CLOSE": "true"},
			5 * time.Second, ":8090",
		},
		"from both":            {[]string{"-delay", "5m", "-close"}, map[string]string{"MCONNECT_HTTP": ":8090"}, 0, ":8090"},
		"silent":               {[]string{"-http", ":8090", "-delay", "5m", "-stats", "0", "-close"}, nil, -1, ":8090"},
		"variables for others": {nil, map[string]string{"MCONNECT_DELAY": "5m", "MCONNECT_CLOSE": "1"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(row.args, environment(row.env), io.Discard)
			require.NoError(t, err)
			assert.Equal(t, row.address, s.options.HTTP)
			assert.Equal(t, 5*time.Minute, s.options.HTTPDelay)
			assert.Equal(t, row.stats, s.options.HTTPStats)
			assert.True(t, s.options.HTTPClose)
		})
	}
}

func TestHTTPUntilSignal(t *testing.T) {
	t.Parallel()
	p := startProgram(t, nil, "-address", "127.0.0.1:0", "-hostname", "web-1", "-http", "127.0.0.1:0")
	line := p.next(t)
	assert.Regexp(t, `^HTTP on; http://127\.0\.0\.1:\d+/$`, line["msg"])
	response, err := http.Get("http://" + line["address"].(string) + "/notify")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, 200, response.StatusCode)
	last := p.stop(t, syscall.SIGTERM)
	assert.InDelta(t, 1, last["http_accepted"], 0)
	assert.InDelta(t, 1, last["http_requests"], 0)
	assert.InDelta(t, 0, last["accepted"], 0)
}

func TestEchoUntilSignal(t *testing.T) {
	t.Parallel()
	p := startProgram(t, map[string]string{"MCONNECT_ECHO": "127.0.0.1:0"}, "-address", "127.0.0.1:0", "-hostname", "web-1")
	line := p.next(t)
	assert.Regexp(t, `^Echo on; 127\.0\.0\.1:\d+$`, line["msg"])
	conn, err := net.Dial("tcp", line["address"].(string))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write(make([]byte, 64))
	require.NoError(t, err)
	back := make([]byte, 64)
	_, err = io.ReadFull(conn, back)
	require.NoError(t, err)
	assert.Equal(t, "web-1", string(bytes.TrimRight(back, "\x00")))
	require.NoError(t, conn.Close())
	last := p.stop(t, syscall.SIGTERM)
	assert.InDelta(t, 1, last["echo_accepted"], 0)
	assert.InDelta(t, 64, last["echo_bytes_received"], 0)
	assert.InDelta(t, 64, last["echo_bytes_sent"], 0)
	assert.InDelta(t, 0, last["accepted"], 0)
}

// By flags and by variables: a PROXY header is wanted, and its source told.
func TestProxyProtocolUntilSignal(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args []string
		env  map[string]string
	}{
		"flags":     {[]string{"-proxy-protocol", "-tell-source"}, nil},
		"variables": {nil, map[string]string{"MCONNECT_PROXY_PROTOCOL": "true", "MCONNECT_TELL_SOURCE": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t, row.env, append(row.args, "-address", "127.0.0.1:0", "-hostname", "web-1")...)
			begin := func(header string) net.Conn {
				conn, err := net.Dial("tcp", p.address)
				require.NoError(t, err)
				t.Cleanup(func() { _ = conn.Close() })
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				_, err = io.WriteString(conn, header)
				require.NoError(t, err)
				return conn
			}
			answer := make([]byte, len("web-1\t192.0.2.1:4711"))
			_, err := io.ReadFull(begin("PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n"), answer)
			require.NoError(t, err)
			assert.Equal(t, "web-1\t192.0.2.1:4711", string(answer))

			wrong := begin("Hello")
			line := p.next(t)
			assert.Contains(t, line["msg"], "Connection closed; it does not begin with a PROXY header: ")
			assert.Equal(t, wrong.LocalAddr().String(), line["client"])
			assert.Equal(t, `"Hello"`, line["began_with"])
			rest, err := io.ReadAll(wrong)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Empty(t, rest)
			last := p.stop(t, syscall.SIGTERM)
			assert.InDelta(t, 2, last["accepted"], 0)
			assert.InDelta(t, 1, last["header_errors"], 0)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	for name, row := range map[string]struct {
		args    []string
		env     map[string]string
		code    int
		message string
	}{
		"unknown flag":       {[]string{"-frob"}, nil, exitUsage, "flag provided but not defined: -frob; see -help"},
		"not a flag":         {[]string{"serve"}, nil, exitUsage, `"serve" is not a flag`},
		"not a number":       {[]string{"-max-connections", "many"}, nil, exitUsage, `invalid value "many" for flag -max-connections`},
		"not a duration":     {nil, map[string]string{"MCONNECT_IDLE_TIMEOUT": "10"}, exitUsage, `invalid value "10" of MCONNECT_IDLE_TIMEOUT (flag -idle-timeout)`},
		"empty address":      {[]string{"-address", ""}, nil, exitUsage, `invalid value "" for flag -address: use host:port`},
		"address, no port":   {[]string{"-address", "::"}, nil, exitUsage, `-address "::": too many colons`},
		"no idle time":       {[]string{"-idle-timeout", "0"}, nil, exitUsage, `invalid value "0s" for flag -idle-timeout: must be above 0`},
		"negative drain":     {[]string{"-drain", "-1s"}, nil, exitUsage, `invalid value "-1s" for flag -drain: must be 0 or more`},
		"negative limit":     {[]string{"-max-connections", "-5"}, nil, exitUsage, `-max-connections "-5": must be 1 or more`},
		"negative delay":     {[]string{"-http", "[::1]:0", "-delay", "-1s"}, nil, exitUsage, `invalid value "-1s" for flag -delay: must be 0 or more`},
		"negative stats":     {[]string{"-http", "[::1]:0", "-stats", "-1s"}, nil, exitUsage, `invalid value "-1s" for flag -stats: must be 0 or more`},
		"no timeout":         {[]string{"-http", "[::1]:0", "-timeout", "0"}, nil, exitUsage, `invalid value "0s" for flag -timeout: must be above 0`},
		"delay without HTTP": {[]string{"-delay", "5m", "-stats", "5s"}, nil, exitUsage, `flag -delay is for the HTTP listener, which is off: add -http host:port`},
		"HTTP without port":  {[]string{"-http", "x"}, nil, exitUsage, `-http "x": missing port`},
		"log format":         {[]string{"-log", "xml"}, nil, exitUsage, `invalid value "xml" for flag -log: must be text or json`},
		"host name":          {[]string{"-hostname", "a\tb"}, nil, exitUsage, `-hostname "a\tb": not a name that clients accept`},
		"key without cert":   {[]string{"-tls-key", "key.pem"}, nil, exitUsage, `-tls-cert "": TLS needs both`},
		"probe without port": {[]string{"-k8sprobe", "x"}, nil, exitUsage, `-k8sprobe "x": missing port`},
		"echo without port":  {[]string{"-echo", "x"}, nil, exitUsage, `-echo "x": missing port`},
		"address in use":     {[]string{"-address", taken.Addr().String()}, nil, exitFailed, `-address "` + taken.Addr().String() + `": listen tcp`},
		"probe in use": {
			[]string{"-address", "127.0.0.1:0", "-k8sprobe", taken.Addr().String()},
			nil,
			exitFailed, "address already in use: stop what listens there, or choose another port",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			assert.Equal(t, row.code, run(row.args, environment(row.env), io.Discard, &stderr, nil))
			assert.Contains(t, stderr.String(), "mconnect-server: ")
			assert.Contains(t, stderr.String(), row.message)
		})
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	assert.Equal(t, exitOK, run([]string{"-version"}, environment(nil), &stdout, &stderr, nil))
	assert.NotEmpty(t, bytes.TrimSpace(stdout.Bytes()))
	assert.Empty(t, stderr.String())

	assert.Equal(t, exitOK, run([]string{"-help"}, environment(nil), &stdout, &stderr, nil))
	for _, flag := range []string{
		"server", "address", "udp", "echo", "k8sprobe", "packets", "proxy-protocol", "tell-source", "version", "hostname", "max-connections", "idle-timeout",
		"tls-cert", "tls-key", "drain", "log", "log-sources", "http", "delay", "stats", "timeout", "close",
		"peer", "discover", "location", "ping-delay", "ping-limit", "ping-maxfail", "ping-timeout", "ping-insecure", "max-peers",
		"token", "allow", "state", "env-and-quit",
	} {
		assert.Contains(t, stderr.String(), "\n  -"+flag)
	}
	assert.Contains(t, stderr.String(), "MCONNECT_ADDRESS")
}

// run is Run with what tests give it.
func run(args []string, env lookup, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	return Run(Process{Args: args, Env: env, Stdout: stdout, Stderr: stderr, Signals: signals})
}
