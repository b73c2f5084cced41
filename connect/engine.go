package connect

import (
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/epoll"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/gonet"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/packets"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// Engine makes the connections of any number of calls at once, on a few event loops that it starts for the first call
// and stops after the last. The zero value is ready to use.
type Engine struct {
	// Total counts the connections of all calls so far.
	Total Counters
	// Frames, unless nil, is called for each interface that the packet driver begins to use, with its name and how frames travel there,
	// such as "AF_XDP, generic mode". It must not call the engine.
	Frames func(nic, way string)

	loops    epoll.Loops
	net      packets.Net
	portable bool         // run everything on package net, as on systems without event loops
	clock    func() int64 // of simulations; nil is the loops'
}

func (e *Engine) now() int64 {
	if e.clock != nil {
		return e.clock()
	}
	return loop.Now()
}

// newJob starts the time of a plan, whose defaults are filled in. change, unless it is nil, adds to the job's plan what a call needs.
func (e *Engine) newJob(p *Plan, change func(*engine.Plan)) *engine.Job {
	plan := engine.Plan{
		Protocol: p.Protocol(), Targets: p.Targets, Connections: p.Connections, Concurrency: p.Concurrency, Rate: p.Rate,
		ConnectTimeout: p.ConnectTimeout, Timeout: p.Timeout, Sources: p.Sources, Reset: p.Reset, TLS: p.TLS,
		KernelBypass: p.KernelBypass, Frames: p.Frames,
	}
	if p.ProxyProtocol > 0 {
		plan.Header = proxyHeader(byte(p.ProxyProtocol)) // #nosec G115 -- 1 or 2
	}
	if change != nil {
		change(&plan)
	}
	return engine.NewJob(plan, &e.Total, e.now())
}

// exchange is what a plan sends, and what counts as its answer.
func exchange(p *Plan) rules.Exchange {
	x := rules.Exchange{Payload: p.Payload}
	if p.Reply != nil {
		x.Want = *p.Reply
	}
	return x
}

// keepalive is exchange for connections that stay: without a Reply, whatever comes is an answer.
func keepalive(p *Plan) rules.Exchange {
	x := exchange(p)
	x.Any = p.Reply == nil
	return x
}

// start begins a job on the driver that suits it. If that fails, the job's connections are no longer counted.
func (e *Engine) start(j *engine.Job, newRules engine.NewRules) (engine.Runner, error) {
	r := e.newRunner(j, newRules)
	if err := r.Start(); err != nil {
		j.Cancel()
		return nil, err
	}
	return r, nil
}

// newRunner returns the runner of the driver that suits a job.
func (e *Engine) newRunner(j *engine.Job, newRules engine.NewRules) engine.Runner {
	if j.Plan.KernelBypass {
		return packets.NewRunner(&e.net, j, newRules, e.Frames)
	}
	if !e.portable && j.Plan.Protocol != "tls" {
		if r := epoll.NewRunner(&e.loops, j, newRules); r != nil {
			return r
		}
	}
	return gonet.NewRunner(j, newRules)
}

// proxyHeader returns what writes the header of the PROXY protocol, with the connection's own addresses
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt).
func proxyHeader(version byte) func(buffer []byte, local, remote netip.AddrPort) []byte {
	return func(buffer []byte, local, remote netip.AddrPort) []byte {
		header := proxyproto.HeaderProxyFromAddrs(version, tcpAddr(local), tcpAddr(remote))
		text, err := header.Format()
		if err != nil {
			return buffer // the addresses are not TCP's
		}
		return append(buffer, text...)
	}
}

func tcpAddr(a netip.AddrPort) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
}
