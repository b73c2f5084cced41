package module_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modulestest"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/netext"
	"go.k6.io/k6/v2/lib/types"
	"go.k6.io/k6/v2/metrics"
	"go.uber.org/goleak"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take before a test gives up on it.
const patience = time.Minute

// k6's events of these names; their type is internal to k6.
const (
	testEnd      = 3
	iterationEnd = 5
	exit         = 6
)

// process is what the VUs of a test share: the module, k6's registry of metrics, and what comes out of it.
type process struct {
	root     *module.RootModule
	registry *metrics.Registry
	builtin  *metrics.BuiltinMetrics
	global   *state.GlobalState // its events are the test's

	samples  chan metrics.SampleContainer
	received sync.WaitGroup
	mu       sync.Mutex
	all      []metrics.Sample
	lines    []string // of the log
}

// newProcess is a k6 whose module nobody has called yet.
func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{root: module.New(), registry: metrics.NewRegistry(), global: newEvents(), samples: make(chan metrics.SampleContainer, 1000)}
	p.builtin = metrics.RegisterBuiltinMetrics(p.registry)
	p.received.Go(func() {
		for container := range p.samples {
			if m, isMark := container.(mark); isMark {
				close(m)
				continue
			}
			p.mu.Lock()
			p.all = append(p.all, container.GetSamples()...)
			p.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		emit(t, p.global, testEnd)
		emit(t, p.global, exit)
		close(p.samples)
		p.received.Wait()
	})
	return p
}

// newEvents has a system of events of its own, which is the only way to get one: its type is internal to k6.
func newEvents() *state.GlobalState {
	gs := state.NewGlobalState(context.Background())
	gs.Logger.SetLevel(logrus.ErrorLevel)
	return gs
}

// emit tells an event, and waits as k6 does until everybody who has subscribed to it is done.
func emit(t testing.TB, of *state.GlobalState, kind int64) {
	t.Helper()
	send := reflect.ValueOf(of.Events.Emit)
	event := reflect.New(send.Type().In(0).Elem())
	event.Elem().FieldByName("Type").SetUint(uint64(kind)) // #nosec G115 -- not negative
	wait := send.Call([]reflect.Value{event})[0]
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	failed := wait.Call([]reflect.Value{reflect.ValueOf(ctx)})[0]
	require.True(t, failed.IsNil(), "k6 waited in vain: %v", failed)
}

// Fire implements logrus.Hook.
func (p *process) Fire(entry *logrus.Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, entry.Message)
	return nil
}

// Levels implements logrus.Hook.
func (p *process) Levels() []logrus.Level { return logrus.AllLevels }

// logged returns the lines of the log that contain a text.
func (p *process) logged(part string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, line := range p.lines {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return lines
}

// mark is closed when all samples before it have arrived.
type mark chan struct{}

// GetSamples implements metrics.SampleContainer.
func (mark) GetSamples() []metrics.Sample { return nil }

// taken returns the samples since it was called last, of calls that have ended.
func (p *process) taken() samples {
	arrived := make(mark)
	p.samples <- arrived
	<-arrived
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.all
	p.all = nil
	return all
}

// samples are those of some calls.
type samples []metrics.Sample

// of returns the samples of a metric.
func (s samples) of(name string) samples {
	var found samples
	for _, sample := range s {
		if sample.Metric.Name == name {
			found = append(found, sample)
		}
	}
	return found
}

// by adds up the values of a metric by the values of some tags, with | between them.
func (s samples) by(name string, tags ...string) map[string]float64 {
	sums := map[string]float64{}
	for _, sample := range s.of(name) {
		values := make([]string, len(tags))
		for i, tag := range tags {
			values[i], _ = sample.Tags.Get(tag)
		}
		sums[strings.Join(values, "|")] += sample.Value
	}
	return sums
}

// sum adds up the values of a metric.
func (s samples) sum(name string) float64 { return s.by(name)[""] }

// count is the number of samples of a metric.
func (s samples) count(name string) int { return len(s.of(name)) }

// last is the latest value of a metric, -1 if it has none.
func (s samples) last(name string) float64 {
	value, at := -1.0, time.Time{}
	for _, sample := range s.of(name) {
		if !sample.Time.Before(at) {
			value, at = sample.Value, sample.Time
		}
	}
	return value
}

// settings are what a test may choose of a VU.
type settings struct {
	options   lib.Options
	hosts     map[string]string // names that resolve, and their addresses
	setup     bool              // this is setup(), which k6 runs in a VU without an identity
	iteration uint64            // its number in the scenario
}

// vu is one VU of a process, in one iteration.
type vu struct {
	*modulestest.Runtime
	*process
	local *state.GlobalState // its events are the VU's
}

// newVU makes a VU in the init context, where scripts import.
func (p *process) newVU(t *testing.T) *vu {
	t.Helper()
	v := &vu{Runtime: modulestest.NewRuntime(t), process: p, local: newEvents()}
	v.VU.InitEnvField.Registry = p.registry
	v.VU.EventsField = common.Events{Global: p.global.Events, Local: v.local.Events}
	instance := p.root.NewModuleInstance(v.VU)
	rt := v.VU.Runtime()
	require.NoError(t, rt.Set("mconnect", instance.Exports().Default))
	_, err := rt.RunString(`var {flood, hold, idle, capacity, traffic, disruption, change, ping, tcpPing, format, sockets, preflight, listen, report, summary} = mconnect;
		const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));`)
	require.NoError(t, err)
	return v
}

// begin moves the VU into an iteration.
func (v *vu) begin(t *testing.T, s settings) *vu {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(t.Output())
	logger.AddHook(v.process)
	of := &lib.State{
		Options: s.options, BuiltinMetrics: v.builtin, Logger: logger, Samples: v.samples, VUID: 1, VUIDGlobal: 1,
		Tags:   lib.NewVUStateTags(v.registry.RootTagSet().With("team", "l4")),
		Dialer: dialer(s), GetScenarioGlobalVUIter: func() uint64 { return s.iteration },
	}
	if s.setup {
		of.VUID, of.VUIDGlobal = 0, 0
	}
	v.MoveToVUContext(of)
	t.Cleanup(func() { v.end(t) })
	return v
}

// dialer is k6's, with a resolver that asks nobody.
func dialer(s settings) *netext.Dialer {
	d := netext.NewDialer(net.Dialer{}, netext.NewResolver(func(host string) ([]net.IP, error) {
		if address, known := s.hosts[host]; known {
			return []net.IP{net.ParseIP(address)}, nil
		}
		return nil, fmt.Errorf("lookup %s: no such host", host)
	}, 0, types.DefaultDNSConfig().Select.DNSSelect, types.DefaultDNSConfig().Policy.DNSPolicy))
	d.Blacklist = s.options.BlacklistIPs
	d.BlockedHostnames = s.options.BlockedHostnames.Trie
	return d
}

// newVU makes a process with one VU, which is in an iteration.
func newVU(t *testing.T, s settings) *vu {
	t.Helper()
	return newProcess(t).newVU(t).begin(t, s)
}

// end ends the iteration: the context is done, and k6 waits for whoever has subscribed to that. Once is enough.
func (v *vu) end(t testing.TB) {
	t.Helper()
	v.CancelContext()
	emit(t, v.local, iterationEnd)
}

// outcome is what a script came to.
type outcome struct {
	Value  json.RawMessage `json:"value"`
	Thrown bool            `json:"thrown"`
	Name   string          `json:"name"` // of the error
	Text   string          `json:"text"`
}

// run runs the body of an async function, and returns what becomes of it.
func (v *vu) run(t *testing.T, body string) outcome {
	t.Helper()
	var out outcome
	require.NoError(t, v.VU.Runtime().Set("settle", func(text string) error { return json.Unmarshal([]byte(text), &out) }))
	_, err := v.RunOnEventLoop(`(async () => { ` + body + "\n" + `})().then(
		(value) => settle(JSON.stringify({value: value === undefined ? null : value})),
		(error) => settle(JSON.stringify({thrown: true, name: error.name || '', text: String(error.message || error)})),
	)`)
	require.NoError(t, err, "%s", body)
	require.True(t, out.Thrown || out.Value != nil, "it has not ended: %s", body)
	return out
}

// get runs the body of an async function that returns a value, and decodes it.
func get[T any](t *testing.T, v *vu, body string, args ...any) T {
	t.Helper()
	body = fmt.Sprintf(body, args...)
	out := v.run(t, body)
	require.False(t, out.Thrown, "%s: %s: %s", body, out.Name, out.Text)
	var value T
	require.NoError(t, json.Unmarshal(out.Value, &value), "%s", out.Value)
	return value
}

// object is a JavaScript object.
type object = map[string]any
