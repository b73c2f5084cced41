package main

// mutation is a mistake: in a file, a text that is there once, and what is put in its place.
type mutation struct {
	name, file, old, changed string
}

const (
	core     = "connect/internal/engine/core.go"
	job      = "connect/internal/engine/job.go"
	conns    = "connect/internal/engine/conn.go"
	redials  = "connect/internal/engine/redials.go"
	counters = "connect/internal/engine/counters.go"
	exchange = "connect/internal/rules/exchange.go"
	flood    = "connect/internal/rules/flood.go"
	hold     = "connect/internal/rules/hold.go"
	session  = "connect/internal/rules/session.go"
	traffic  = "connect/internal/rules/traffic.go"
)

var mutations = []mutation{
	{"a counter is not raised", core, "		c.delta.connected++\n", ""},
	{"a failure is counted twice", core, "	c.delta.errors++\n", "	c.delta.errors += 2\n"},
	{"a target that failed is not counted", core, "	o.Class, o.Err = fault.Class, fault.Err\n	c.delta.dialErrors++\n", "	o.Class, o.Err = fault.Class, fault.Err\n"},
	{"established_max counts closed connections", core, "	if seen > c.seen || c.open < c.told {\n", "	{\n"},
	{"bytes that came are not counted", core, "		conn.Received += int64(len(e.Data))\n", ""},
	{"bytes that were sent are counted before they are", core, "	c.conns.at(key).Sent += int64(n)\n", "	c.conns.at(key).Sent += int64(len(p))\n"},
	{"a class is exchanged", core, "Fault{class.Timeout, ReasonConnectTimeout}", "Fault{class.NoReply, ReasonConnectTimeout}"},
	{"the connect timeout is ignored", core, "		c.driver.Deadline(key, at+int64(c.job.Plan.ConnectTimeout))\n", ""},
	{"the connect timeout goes on after the connect", core, "		c.driver.Deadline(e.Key, Never)\n", ""},
	{"the call's time is up before what came in time is looked at", core, "timeUp := seen >= c.job.deadline", "timeUp := now >= c.job.deadline"},
	{"the duration is, too", core, "	if seen >= c.job.until && !c.over {", "	if now >= c.job.until && !c.over {"},
	{"a lane is not freed", core, "	c.leaveLane(conn)\n	o := c.report(conn, now)\n", "	o := c.report(conn, now)\n"},
	{"a connection without a descriptor is forgotten", core, "	c.starve(conn.Claim, now)\n	c.driver", "	c.driver"},
	{"it is, if the dial says so at once", core, "			c.starve(claim, now)\n			return c.retryAt\n", "			return now + retryNs\n"},
	{"it waits although no other can free one", core, "s.Dialing+s.Established > besides", "s.Dialing+s.Established > 0"},
	{"it counts as begun", core, "	c.delta.started--\n", ""},
	{"a RST where a connect is given up", core, "conn.phase == established && c.job.Plan.Reset", "c.job.Plan.Reset"},
	{"what is to be dialed again is lost", core, "		c.redials.push(Claim{Number: number, Planned: at})\n", ""},
	{"the last in line is dialed again first", redials, "h[i].Planned < h[j].Planned", "h[i].Planned > h[j].Planned"},
	{"the rate counts from the first connection's end", job, "float64(number)/j.Plan.Rate", "float64(number+1)/j.Plan.Rate"},
	{"a connection keeps what an earlier one had", conns, "	*conn = Conn{Claim: c, phase: dialing, inLane: true}\n", "	conn.Claim, conn.phase, conn.inLane = c, dialing, true\n"},
	{"a state is read from the wrong counter", counters, "connected - completed - closed - errors", "connected - completed - errors"},
	{"the rest of a payload is not sent", exchange, "x.Payload[len(x.Payload)-int(conn.Left):]", "x.Payload"},
	{"a part of an answer is kept for the next connection", flood, "	f.forget(key)\n	f.core.Fail", "	f.core.Fail"},
	{"the time for an answer has no end", flood, "	f.core.Deadline(key, now+f.patience)\n", ""},
	{"a close counts as a reset", flood, "engine.Fault{Class: class.Closed, Err: engine.ReasonClosedUnanswered}", "engine.Fault{Class: class.Reset, Err: engine.ReasonClosedUnanswered}"},
	{"data are read though no answer is wanted", flood, "	if f.skip {\n		return\n	}\n", ""},
	{"a keepalive without an answer is not noticed", hold, "	if conn.Mark != 0 {\n		silent", "	if conn.Mark < 0 {\n		silent"},
	{"the next keepalive waits for the answer", hold, "max(conn.Mark, now-h.interval)", "now"},
	{"a held connection keeps its lane", hold, "	h.core.LeaveLane(key)\n", ""},
	{"a reset of a held connection is an error", hold, "fault.Class != class.None && fault.Class != class.Reset", "fault.Class != class.None"},
	{"a host's name is kept for the next connection", session, "ring: s.ring, sizes", "ring: s.ring, host: s.host, sizes"},
	{"an echo of an earlier connection counts", session, "sequence < s.first || sequence > s.sequence", "sequence > s.sequence"},
	{"a datagram that comes twice counts twice", session, "*due == 0 || len(data) != p.sizes[k.size]", "len(data) != p.sizes[k.size]"},
	{"the back-off does not grow", session, "firstBackoff<<min(max(s.failed-1, 0), 10)", "firstBackoff"},
	{"more than was sent is not noticed", session, "	if len(data) > s.toCome-unsent {\n		return echoed{}, false, false\n	}\n", "	data = data[:min(len(data), s.toCome)]\n"},
	{"more than was sent so far is not noticed", session, "len(data) > s.toCome-unsent", "len(data) > s.toCome"},
	{"an echo in parts is compared in part", session, "s.echo.spoilt = s.echo.spoilt || p.differs(s, data)", "s.echo.spoilt = p.differs(s, data)"},
	{"a flow moves more than once", session, "e.moved = !s.moved && before", "e.moved = before"},
	{"sizes do not take turns", session, "int((sequence - s.first - 1) % uint64(len(p.sizes)))", "0"},
	{"packets that have no slot are not counted", session, "	s.dropped += dropped\n", ""},
	{"the end does not wait for echoes", traffic, "		case end != class.None || s.waiting == 0 && !t.HalfClose:", "		case true:"},
	{"traffic outlives its time", traffic, "t.Stop(now, class.Aborted)", "t.Stop(now, class.None)"},
	{"a missing echo is not noticed", traffic, "		next = min(next, s.since+t.loss)\n", ""},
	{"a FIN before the last echo is well", traffic, "		if s.shut && s.waiting == 0 {", "		if s.shut {"},
	{"a first connection counts as a reconnect", traffic, "	if s.lives > 1 {", "	if s.lives > 0 {"},
	{"sessions that are given up are not counted", traffic, "		t.counts.GaveUp++\n", ""},
	{"round trips count from when a packet was sent", traffic, "RoundTrip: time.Duration(now - e.planned)", "RoundTrip: time.Duration(now - max(e.planned, s.since))"},
}
