//go:build linux

package main

import (
	"errors"
	"fmt"
)

var (
	roundRobin = &kind{name: "dnat-roundrobin", new: newRoundRobin, live: "stateful", udp: true}
	bySource   = &kind{name: "dnat-source", new: newSource, live: "stateful", udp: true, affinity: true}
	maglev     = &kind{name: "dnat-maglev", new: newMaglev, live: "stateful", flows: "maglev", udp: true}
	stateless  = &kind{name: "xdp", new: newXDP, live: "maglev", flows: "maglev", udp: true}
	deleting   = &kind{name: "ipvs-rr", new: newDeletingIPVS, live: "stateful", udp: true}
	twoMaglevs = &kind{name: "dnat-pair", new: newPair, live: "stateful", flows: "maglev", udp: true}
)

// newSource chooses by the source's address alone.
func newSource() balancer { return &dnat{table: each, choose: hashOfSource} }

// newDeletingIPVS deletes a backend that leaves. IPVS then keeps its connections, unused, until it comes back.
func newDeletingIPVS() balancer {
	return &ipvs{scheduler: "rr", forward: masquerade, weight: equally, deletes: true}
}

const forgotten = "forgotten"

var faults = []*fault{
	{
		name: "idle-backend", does: "the load balancer does not take up a backend that comes back", kind: maglev, script: "fault-scale.js",
		missing: nothing, inject: ignoreAdded, red: map[string][]string{"hosts": {"no answer came from BACKEND"}, "moved": {"BACKEND"}},
		own: &met{inject: ignoreBack, says: map[string][]string{"hosts": {"no answer came from web-03"}}},
	},
	{
		name: "dead-backend", does: "a backend's server has ended, and the load balancer keeps it", kind: maglev, script: "fault-connect.js",
		missing: nothing, inject: killFirst, red: map[string][]string{"connected": {"refused"}, "hosts": {"web-01"}},
		own: &met{says: map[string][]string{"connected": {"refused"}, "hosts": {"no answer came from web-01"}}},
	},
	{
		name: "half-open", does: "the way to a backend swallows all packets; new connections go elsewhere", kind: maglev, script: "fault-traffic.js",
		missing: nothing, inject: cutFirst, red: map[string][]string{"kept": {"web-01", "no_reply"}},
		own: &met{inject: cut, says: map[string][]string{"connected": {"timeout"}, "hosts": {"no answer came from web-01"}}},
	},
	{
		name: "stall", does: "after the handshake, 1 % of connections pass no data", kind: maglev, script: "fault-connect.js",
		missing: nothing, inject: stall, red: map[string][]string{"answered": {"no_reply"}},
		own: &met{says: map[string][]string{"answered": {"no_reply", "a device on the way that stalls connections", "others were answered by web-0"}}},
	},
	{
		name: "affinity-lost", does: "a load balancer that chose by source address now chooses by 5-tuple", kind: bySource, script: "fault-connect.js",
		missing: nothing, inject: loseAffinity, red: map[string][]string{"affinity": {"session affinity"}},
		own: &met{says: map[string][]string{"affinity": {"session affinity"}}},
	},
	{
		name: "corrupted", does: "two bytes of each large packet from a backend are changed on the way", kind: maglev, script: "fault-traffic.js",
		missing: nothing, inject: corruptFirst, red: map[string][]string{"intact": {"other bytes than were sent (web-01"}},
		own: &met{inject: corruptNames, says: map[string][]string{"hosts": {"wBB-01 is web-01 but for 2 bytes", "changes bytes"}}},
	},
	{
		name: "leak", does: "FIN and RST do not reach a backend, so it keeps connections for ever", kind: maglev, script: "ends.js",
		missing: nothing, inject: hideEnds, red: map[string][]string{"sockets": {"http://10.1.1.2:5004 has", "FIN or RST did not arrive"}},
		own: &met{says: map[string][]string{"hosts": {"no answer came from web-01"}, "connected": {"which their FIN or RST did not reach"}}},
	},
	{
		name: "needless-flush", does: "the load balancer forgets all its connections", kind: roundRobin, script: "fault-traffic.js",
		missing: missingConntrack, inject: flush, red: map[string][]string{"kept": {"web-"}},
		own: &met{while: true, says: map[string][]string{"answered": {"a flush of its table"}}},
	},
	{
		name: "port-reuse", does: "2 % of source ports are blocked for a while after their connections end", kind: maglev, script: "fault-connect.js",
		missing: nothing, inject: dropReuse, red: map[string][]string{"connected": {"timeout", "may still hold their last connections"}, "prompt": {"SYN"}},
		own: &met{says: map[string][]string{"connected": {"may still hold their last connections"}}},
	},
	{
		name: "old-table", does: "one of two load balancers does not hear of changes of the backends", kind: twoMaglevs, script: "fault-scale.js",
		missing: nothing, inject: freezeSecond, red: map[string][]string{"hosts": {"answers came from BACKEND", "not expected"}, "moved": {"BACKEND", "an old table"}},
		own: &met{inject: keepLast(freezeSecond), says: map[string][]string{"hosts": {"answers came from web-04", "none has an old table"}}},
	},
	{
		name: "stale-map", does: "an XDP program's map is no longer written", kind: stateless, script: "fault-scale.js",
		missing: missingXDP, inject: freezeMap, red: map[string][]string{"hosts": {"answers came from BACKEND", "not expected"}, "moved": {"BACKEND", "an old table"}},
		own: &met{inject: keepLast(freezeMap), says: map[string][]string{"hosts": {"answers came from web-04", "none has an old table"}}},
	},
	{
		name: "permutation", does: "each backend's order of places in Maglev's table is another one after a change", kind: stateless, script: "fault-scale.js",
		missing: missingXDP, inject: permute, red: map[string][]string{"moved": {"hashes anew"}},
	},
	{
		name: forgotten, does: "IPVS ends the connections of a backend that is deleted, though it comes back", kind: deleting, script: "fault-flap.js",
		missing: missingIPVS, inject: expireNodest, red: map[string][]string{"kept": {"web-01"}},
	},
}

func missingConntrack() string { return noTool("conntrack", "install it (`make test-deps` does)") }

func ignoreAdded(l *lab) error {
	l.balancer = &stubborn{balancer: l.balancer, inUse: len(l.inUse)}
	return nil
}

// first is the backend that faults concern; the scripts' own changes are of another.
func (l *lab) first() *backend { return l.network.backends[0] }

func killFirst(l *lab) error { return l.kill(l.first()) }

// last is the one that scripts of users' own do not expect.
func (l *lab) last() *backend { return l.network.backends[len(l.network.backends)-1] }

// ignoreBack does not take up a backend that comes back.
func ignoreBack(l *lab) error {
	b := l.inUse[len(l.inUse)-1]
	return errors.Join(l.drain(b), ignoreAdded(l), l.add(b))
}

// keepLast makes a load balancer keep a backend that is taken out again.
func keepLast(freeze func(*lab) error) func(*lab) error {
	return func(l *lab) error { return errors.Join(l.add(l.last()), freeze(l), l.drain(l.last())) }
}

func cutFirst(l *lab) error { return errors.Join(cut(l), l.drain(l.first())) }

func cut(l *lab) error {
	return l.network.rule(fmt.Sprintf("oifname %[1]q drop; iifname %[1]q drop", l.first().nic))
}

// stall lets SYNs pass, and drops what has data.
func stall(l *lab) error {
	return l.network.rule(`
		ct state new tcp flags & (syn | ack) == syn numgen inc mod 100 == 0 ct mark set 1
		ct mark 1 tcp flags & psh == psh drop`)
}

func loseAffinity(l *lab) error {
	l.balancer = newHash()
	return l.use(l.inUse)
}

// corruptFirst changes bytes 500 and 501 behind the TCP header's start. Across veth, checksums are filled in by the receiver's
// side, as network cards do, so TCP can't find it: faulty offload is like that.
func corruptFirst(l *lab) error {
	return l.network.rule(fmt.Sprintf("iifname %q tcp sport %d meta length > 700 @th,4000,16 set 0x4242", l.first().nic, echoPort))
}

// corruptNames changes two bytes of the name in every hundredth answer, behind a TCP header with timestamps.
func corruptNames(l *lab) error {
	return l.network.rule(fmt.Sprintf("iifname %q tcp sport %d tcp flags & psh == psh numgen inc mod 100 == 0 @th,264,16 set 0x4242", l.first().nic, responderPort))
}

func hideEnds(l *lab) error {
	return l.network.rule(fmt.Sprintf("oifname %q tcp dport { %d, %d } tcp flags & (fin | rst) != 0 drop", l.first().nic, responderPort, echoPort))
}

func flush(l *lab) error { return l.network.lb.run("", "conntrack", "-F") }

// dropReuse remembers one in 50 of the client's ports when its connection ends.
func dropReuse(l *lab) error {
	return l.network.rule(`
		tcp flags & (syn | ack) == syn ip saddr . tcp sport @used4 drop
		tcp flags & (syn | ack) == syn ip6 saddr . tcp sport @used6 drop
		iifname "client" tcp flags & (fin | rst) != 0 ip version 4 numgen inc mod 50 == 0 add @used4 { ip saddr . tcp sport }
		iifname "client" tcp flags & (fin | rst) != 0 numgen inc mod 50 == 0 add @used6 { ip6 saddr . tcp sport }`)
}

func freezeSecond(l *lab) error {
	l.balancer.(*pair).frozen = true
	return nil
}

func freezeMap(l *lab) error {
	l.balancer.(*xdp).table = func([]*backend) []*backend { return maglevTable(l.network.backends) }
	return nil
}

func expireNodest(l *lab) error { return l.network.lb.sysctl("ipv4/vs/expire_nodest_conn", 1) }

// permute makes a backend's permutation depend on how many there are.
func permute(l *lab) error {
	l.balancer.(*xdp).table = func(backends []*backend) []*backend {
		return maglevTableOf(backends, func(b *backend) string { return fmt.Sprintf("%s of %d", b.name, len(backends)) })
	}
	return nil
}

// rule adds rules of nftables for forwarded packets.
func (n *network) rule(rules string) error {
	return n.lb.nft(fmt.Sprintf(`
		table inet fault {
			set used4 { type ipv4_addr . inet_service; size 65535; flags dynamic; timeout 1m; }
			set used6 { type ipv6_addr . inet_service; size 65535; flags dynamic; timeout 1m; }
			chain passing {
				type filter hook forward priority 0
				%s
			}
		}`, rules))
}
