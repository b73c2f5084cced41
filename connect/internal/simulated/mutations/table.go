package main

// mutation is a mistake: in a file, a text that is there once, and what is put in its place.
type mutation struct {
	name, file, old, changed string
}

const (
	core     = "connect/internal/engine/core.go"
	dials    = "connect/internal/engine/dial.go"
	job      = "connect/internal/engine/job.go"
	conns    = "connect/internal/engine/conn.go"
	asleep   = "connect/internal/engine/asleep.go"
	redials  = "connect/internal/engine/redials.go"
	counters = "connect/internal/engine/counters.go"
	openings = "connect/internal/engine/openings.go"
	exchange = "connect/internal/rules/exchange.go"
	flood    = "connect/internal/rules/flood.go"
	kept     = "connect/internal/rules/kept.go"
	hold     = "connect/internal/rules/hold.go"
	fill     = "connect/internal/rules/fill.go"
	idle     = "connect/internal/rules/idle_probe.go"
	schedule = "connect/internal/rules/idle_plan.go"
	search   = "connect/internal/rules/idle_search.go"
	evidence = "connect/internal/rules/idle_evidence.go"
	packet   = "connect/internal/rules/packet.go"
	session  = "connect/internal/rules/session.go"
	traffic  = "connect/internal/rules/traffic.go"
	packets  = "connect/internal/rules/traffic_packets.go"
)

var mutations = []mutation{
	{"a counter is not raised", dials, "		c.delta.connected++\n", ""},
	{"a failure is counted twice", core, "	c.delta.errors++\n", "	c.delta.errors += 2\n"},
	{"a target that failed is not counted", dials, "	o.Class, o.Err = fault.Class, fault.Err\n	c.delta.dialErrors++\n", "	o.Class, o.Err = fault.Class, fault.Err\n"},
	{"established_max counts closed connections", openings, "	if seen <= c.seen {\n		return\n	}\n", ""},
	{"bytes that came are not counted", core, "		c.conns.receive(e.Key, len(e.Data))\n", ""},
	{"bytes that were sent are counted before they are", core, "outgoingAt(key).Sent += int64(n)\n", "outgoingAt(key).Sent += int64(len(p))\n"},
	{"a class is exchanged", dials, "Fault{class.Timeout, ReasonConnectTimeout}", "Fault{class.NoReply, ReasonConnectTimeout}"},
	{"the connect timeout is ignored", dials, "		c.driver.Deadline(key, at+int64(c.job.Plan.ConnectTimeout))\n", ""},
	{"the connect timeout goes on after the connect", dials, "		c.driver.Deadline(e.Key, Never)\n", ""},
	{"the call's time is up before what came in time is looked at", core, "timeUp := seen >= c.job.deadline", "timeUp := now >= c.job.deadline"},
	{"the duration is, too", core, "	if seen >= c.job.until && !c.over {", "	if now >= c.job.until && !c.over {"},
	{"a lane is not freed", core, "	c.leaveLane(conn)\n	o := c.report(key, now)\n", "	o := c.report(key, now)\n"},
	{"a connection without a descriptor is forgotten", dials, "	c.starve(conn.Claim(), now)\n	c.driver", "	c.driver"},
	{"it is, if the dial says so at once", dials, "			c.starve(claim, now)\n			return c.retryAt\n", "			return now + retryNs\n"},
	{"it waits although no other can free one", dials, "s.Dialing+s.Established > besides", "s.Dialing+s.Established > 0"},
	{"it counts as begun", dials, "	c.delta.started--\n", ""},
	{"a RST where a connect is given up", core, "conn.phase.isEstablished() && c.job.Plan.Reset", "c.job.Plan.Reset"},
	{"what is to be dialed again is lost", dials, "		c.redials.push(Claim{Number: number, Planned: at})\n", ""},
	{"the last in line is dialed again first", redials, "h[i].Planned < h[j].Planned", "h[i].Planned > h[j].Planned"},
	{"the rate counts from the first connection's end", job, "float64(number)/j.Plan.Rate", "float64(number+1)/j.Plan.Rate"},
	{"a connection keeps what an earlier one had", conns, "	*conn = Conn{Number: uint32(c.Number), Planned: c.Planned, phase: dialing}", "	conn.Number, conn.Planned, conn.phase = uint32(c.Number), c.Planned, dialing"},
	{"a state is read from the wrong counter", counters, "connected - completed - closed - errors", "connected - completed - errors"},
	{"a connection keeps what an earlier one has sent", conns, "		*s.outgoingAt(key) = Outgoing{}\n", ""},
	{"a connection loses its host in its sleep", asleep, ", Tag: k.tag", ""},
	{"it was established when it was dialed", asleep, "Since: planned + int64(k.connect)", "Since: planned"},
	{"it has received nothing", asleep, "	c.received = news >> resentBits & (1<<receivedBits - 1)\n", ""},
	{"another one in its block loses what does not fit", asleep, "ok && max(planned, connect) <= math.MaxUint32 &&", "ok &&"},
	{"the rest of a payload is not sent", exchange, "x.Payload[len(x.Payload)-int(out.Left):]", "x.Payload"},
	{"a payload is begun before the last one is sent", exchange, "out.Left == 0 {\n		out.Left =", "true {\n		out.Left ="},
	{"a part of an answer is kept for the next connection", flood, "	f.forget(key)\n	f.core.Fail", "	f.core.Fail"},
	{"the time for an answer has no end", flood, "	f.core.Deadline(key, now+f.patience)\n", ""},
	{"a close counts as a reset", flood, "engine.Fault{Class: class.Closed, Err: engine.ReasonClosedUnanswered}", "engine.Fault{Class: class.Reset, Err: engine.ReasonClosedUnanswered}"},
	{"data are read though no answer is wanted", flood, "	if f.skip {\n		return\n	}\n", ""},
	{"a keepalive without an answer is not noticed", kept, "due := out.Mark + patience", "due := int64(engine.Never)"},
	{"what ICMP tells ends a held flow at once", kept, "isTold(fault.Class) && k.core.Received(key) > 0", "false"},
	{"a held flow that never had an answer outlasts ICMP", kept, "isTold(fault.Class) && k.core.Received(key) > 0", "isTold(fault.Class)"},
	{"a held flow is asked only once", kept, "		due = min(due, at+k.again)\n", ""},
	{"the next keepalive waits for the answer", hold, "max(h.core.Outgoing(key).Mark, now-h.interval)", "now"},
	{"a held connection keeps its lane", hold, "	h.core.LeaveLane(key)\n", ""},
	{"a reset of a held connection is an error", kept, "fault.Class != class.None && fault.Class != class.Reset", "fault.Class != class.None"},
	{"an answer is owed although it has come", kept, "	out.Mark = 0\n", ""},
	{"a connection that may be greeted keeps nobody waiting", fill, "	if f.shared.Linger == 0 {\n		f.core.LeaveLane(key)\n	}\n", "	f.core.LeaveLane(key)\n"},
	{"a connection that has spoken keeps others waiting", fill, "		f.core.LeaveLane(key)\n		f.core.Report(key, now, engine.NewsSpoke)\n", "		f.core.Report(key, now, engine.NewsSpoke)\n"},
	{"a peer is asked before its time to speak first is over", fill, "	case seen < patience:\n", "	case seen < conn.Since:\n"},
	{"a connection has had its time although it has answered", fill, "		f.core.Deadline(key, engine.Never)\n", ""},
	{"slow failures have no bound", fill, "	f.shared.failures.Add(1)\n", ""},
	{"all failures are slow", fill, " || now-c.Planned < int64(f.shared.Slow)", ""},
	{"a step that dials no more closes what it has", fill, "	if f.halting {\n		return\n	}\n", ""},
	{"who does not answer once more is well", fill, "f.fail(key, seen, f.late(key, engine.ReasonForgotten))", "f.complete(key, seen)"},
	{"who answers once more stays", fill, "			f.complete(key, now)\n		}\n	}\n", "		}\n	}\n"},
	{"answers of others give no more time", fill, "f.again.heard.Load() + int64(f.again.Patience); seen < due", "f.again.heard.Load() + int64(f.again.Patience); false"},
	{"a silent connection is not used", schedule, "			f.core.Deadline(key, p.use)\n", ""},
	{"what has ended is not made again", idle, "	}\n	f.again(now)\n}\n\n// howOf", "	}\n}\n\n// howOf"},
	{"a FIN counts as a silent end", idle, "		return HowFIN //", "		return HowSilently //"},
	{"a search goes on without its control connection", idle, "f.control.Fault, f.over, f.changed = fault, true, true", "f.control.Fault, f.changed = fault, true"},
	{"a datagram is sent once", idle, "p.sends < sendings", "p.sends < 1"},
	{"silence lasts until a datagram is sent for the last time", idle, "	if p.sends == 0 {\n", "	{\n"},
	{"another host's answer is as good", idle, "f.datagram && p.isElsewhere(host, data):", "f.datagram && p == f.first && p.isElsewhere(host, data):"},
	{"a silence counts as long as it was to be", idle, "silence > asked && silence-asked < f.search.slack(asked)", "silence != asked"},
	{"a peer that speaks first is not waited for", idle, "!f.datagram && (!f.control.isKnown() || f.greets)", "!f.datagram && !f.control.isKnown() && f.greets"},
	{"connections that are given up stay", schedule, "		case p.spent:\n			f.complete(key, now)\n			f.again(now)\n", "		case p.spent:\n"},
	{"a timeout is known before it is confirmed", search, "	return l.upTo-l.above <= s.precisionAt((l.above+l.upTo)/2)\n", "	return true\n"},
	{"a search never finds that there is no timeout", search, "	case l.above >= s.to:\n		return true\n", ""},
	{"the shortest silence is not tried itself", search, "l.upTo <= s.from+s.slack(s.from)", "l.upTo <= 2*s.from"},
	{"one failure by chance is taken for the timeout", evidence, "best.likelihood+implausible", "best.likelihood"},
	{"a connection that ends by itself tells nothing", evidence, "	e.saw(silence+slack, how)\n", ""},
	{"sizes do not take turns", packet, "int((sequence - s.first - 1) % uint64(len(p.sizes)))", "0"},
	{"a host's name is kept for the next connection", session, "first: s.sequence + 1,", "first: s.sequence + 1, Packets: engine.Packets{Host: s.Host},"},
	{"an echo of an earlier connection counts", session, "s.first <= sequence && sequence", "sequence"},
	{"a datagram that comes twice counts twice", session, " && *s.dueAt(sequence) != 0", ""},
	{"the back-off does not grow", session, "first<<min(failed, doublings)", "first"},
	{"more than was sent is not noticed", packets, "		t.lose(s, now, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooMuch})\n		return\n", "		data = data[:min(len(data), s.toCome)]\n"},
	{"more than was sent so far is not noticed", packets, "len(data) > s.toCome-int(out.Left)", "len(data) > s.toCome-0*int(out.Left)"},
	{"an echo in parts is compared in part", packets, "size-s.toCome, data) || s.spoilt", "size-s.toCome, data)"},
	{"a flow moves more than once", packets, " && !s.moved {", " {"},
	{"packets that have no slot are not counted", packets, "	s.Dropped += n\n", ""},
	{"what ICMP tells ends a flow at once", traffic, "isTold(fault.Class) && s.Received > 0", "false"},
	{"a flow that never had an echo outlasts ICMP", traffic, "isTold(fault.Class) && s.Received > 0", "isTold(fault.Class)"},
	{"the end does not wait for echoes", traffic, "	case !t.HalfClose && !s.waiting:", "	case true:"},
	{"traffic outlives its time", traffic, "t.Stop(now, class.Aborted)", "t.Stop(now, class.None)"},
	{"a missing echo is not noticed", traffic, "		next = min(next, s.since+t.loss)\n", ""},
	{"a FIN before the last echo is well", traffic, "		if s.shut && !s.waiting {", "		if s.shut {"},
	{"a first connection counts as a reconnect", traffic, "	if s.lives > 1 {", "	if s.lives > 0 {"},
	{"sessions that are given up are not counted", traffic, "		t.counts.GaveUp++\n", ""},
	{"round trips count from when a packet was sent", packets, "RoundTrip: time.Duration(now - *due)", "RoundTrip: time.Duration(now - max(*due, s.since))"},
}
