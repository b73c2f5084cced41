package options

import "strings"

// help is what index.d.ts says of an option: the first sentence, and the default. A test holds both together.
type help struct {
	text  string
	usual string // "" if there is no default, or no single value
}

// helpOn returns the help on an option of a call, which has the path from the call's options to it.
func helpOn(call string, path []string) help {
	name := strings.Join(path, ".")
	if own, has := helpOf[call][name]; has {
		return own
	}
	return sharedHelp[name]
}

// sharedHelp is on options that several calls have.
var sharedHelp = map[string]help{
	"addresses":          {"Which addresses of a name are targets.", "'one'"},
	"close":              {"How connections are closed: `'fin'`, the default, or `'rst'`, which leaves no TIME_WAIT behind and frees the port at once.", "'fin'"},
	"concurrency":        {"Most connections in flight at once, 1 to 1,000,000; should stay below the server's backlog.", "64"},
	"connectTimeout":     {"Bounds each connection: the time until it is established, and then the time until the answer.", "'5s'"},
	"connections":        {"How many connections to make, 1 to 100,000,000.", "1"},
	"driver":             {"What connections are made of (`packets`: Linux, root).", "'sockets'"},
	"expect.complete":    {"Of the connections asked for, those that must have been begun.", "1"},
	"expect.connected":   {"Of the connections begun, those that must be established.", "1"},
	"expect.connectTime": {"The longest 99th percentile of the time to connect.", ""},
	"expect.prompt":      {"`false` leaves the verdict `prompt` out.", ""},
	"expect.retransmits": {"The largest share of connects that may take more than one SYN, 0 to 1.", "0.01"},
	"from":               {"Where this ping comes from, for the tag `from` and format; without control characters.", ""},
	"monitor":            {"Interval of a progress line in the log, worded as tcpgoon words it.", ""},
	"network":            {"The protocol, and where it matters the version of IP.", "'tcp'"},
	"proxyProtocol":      {"The version, 1 or 2, of the PROXY header that each connection begins with, before TLS.", ""},
	"rate":               {"New connections per second.", "0"},
	"reply.bytes":        {"The length of the answer, 1 to 65,536.", ""},
	"reply.match":        {"A RegExp that must match somewhere in the answer, or a text that the answer must contain.", ""},
	"reply.until":        {"The 1 to 1,024 bytes that end the answer, such as `'\\r\\n'`.", ""},
	"samples":            {"Which connections become samples of Trends.", "'all'"},
	"seed":               {"Makes `sourceOrder: 'random'` reproducible.", ""},
	"serverName":         {"The server name for TLS: SNI, and the name that the certificate must have.", ""},
	"source":             {"Source addresses: an address, a CIDR, a range (`'10.0.0.5-10.0.0.20'`), or a comma list or array of these, as for k6's `--local-ips`.", ""},
	"sourceOrder":        {"In which order sources are used.", "'sequential'"},
	"sourcePorts":        {"Fixed source ports such as `'10000-20000'`, so that the same 5-tuples can be dialed again: connection i of the whole test has source i mod S and port (i div S) mod P.", ""},
	"tags":               {"Added to the tags of the call's metrics.", ""},
	"timeout":            {"Bounds the whole call.", ""},
	"to":                 {"Where it goes, for the tag `to`.", ""},
}

// helpOf is on options of one call, or what one call says otherwise.
var helpOf = map[string]map[string]help{
	"flood": {
		"expect.affinity":          {"`true`: each source address must be answered by one host only.", "false"},
		"expect.answered":          {"Of the connections established, those that must get a right answer.", "1"},
		"expect.balance":           {"Judges the shares of the hosts, by `true` or the least p-value: they must not differ from what is due by more than chance explains.", ""},
		"expect.balance.p":         {"The least p-value.", "0.001"},
		"expect.balance.tolerance": {"The share of a host may be off its due by this part of that due, 0 to 1: 0.1 is 10 %.", ""},
		"expect.hosts":             {"Who must answer.", ""},
		"expect.replyTime":         {"The longest 99th percentile of the time to answer.", ""},
		"expect.source":            {"`true`: each backend must see the source address that the connection has used.", "false"},
		"flows":                    {"`true` makes the result say which host answered which 5-tuple, for disruption.", "false"},
		"payload":                  {"What a connection sends once it is established, 1 to 65,507 bytes; over TCP nothing unless it is given.", "'Hello'"},
		"readReply":                {"`false` ends a connection once it is established and the payload, if any, is sent.", "true"},
		"weights":                  {"What hosts are due in relation to each other, by the names they answer with: `{'web-1': 2, 'web-2': 1}`.", ""},
	},
	"hold": {
		"duration":         {"Closes all connections so long after the start, and makes the iteration last until then.", ""},
		"expect.hosts":     {"Who must tell its name on a connection.", ""},
		"expect.replyTime": {"The longest 99th percentile of the time to answer a keepalive.", ""},
		"expect.kept":      {"Of the connections established, those that must last to the end, or end by an announced change.", "1"},
		"keepalive":        {"Interval in which each connection is sent `payload` and must answer.", ""},
		"keepaliveTimeout": {"How long a keepalive may be without an answer.", ""},
		"payload":          {"What `keepalive` sends, 1 to 65,507 bytes.", "'Hello'"},
	},
	"traffic": {
		"connectTimeout":   {"Bounds one attempt to connect.", "'1500ms'"},
		"duration":         {"How long packets are sent.", "'10s'"},
		"expect.intact":    {"`false` leaves out the verdict that all echoes have the bytes that were sent.", ""},
		"expect.kept":      {"Of the connections established, redialed ones included, those that must last, or be lost by an announced change.", "1"},
		"expect.loss":      {"The largest share of packets that may be lost, 0 to 1.", ""},
		"expect.recovered": {"`false` leaves out the verdict that all connections are up and echoing at the end.", ""},
		"expect.recovery":  {"The longest that an outage may last.", ""},
		"halfClose":        {"At the end, shuts down the sending side of each connection: all echoes and the peer's FIN (over TLS its close_notify) must still come, within `lossTimeout`, or the connection is lost.", "false"},
		"lossTimeout":      {"A connection that has waited so long for an echo is lost.", "'1s'"},
		"packetSize":       {"The size of packets in bytes, 64 to 1,048,576; UDP 72 to 65,507.", "1024"},
		"rate":             {"KB/s (1024 bytes) of all connections together.", "0"},
		"reconnect":        {"Redials what is lost, or could not be established, after 100 ms to 1 s.", "true"},
		"verify":           {"Compares each echo with what was sent; an echo that differs counts as `corrupted` and fails the verdict `intact`.", "false"},
	},
	"capacity": {
		"concurrency":        {"Most connections in flight at once; few, so that the last connection that fits is told from the first that does not.", "8"},
		"connectTimeout":     {"Bounds each connection: the time until it is established.", "'3s'"},
		"connections":        {"The most connections to hold.", ""},
		"expect.capacity":    {"`false` leaves out the verdict on how many are held.", ""},
		"expect.connections": {"How many connections the target must hold.", "1"},
		"patience":           {"How long each connection is watched: one that is not closed by then is held.", "'500ms'"},
		"payload":            {"If set, each connection is sent this after `patience`, in which the target may greet, and must answer to count as served: within `patience`, or, as long as other connections still get answers, later.", ""},
		"step":               {"Connections opened at first before their fate is looked at; each step is twice as large, up to ten times this.", "100"},
		"timeout":            {"Bounds the whole call; what was found by then is a lower bound.", ""},
	},
	"idle": {
		"connectTimeout":  {"Bounds the first answer on each connection (default `'5s'`) and, if it is given, those after a silence.", ""},
		"connections":     {"How many connections are silent at the same time, 1 to 1,000.", "20"},
		"expect.answered": {"The connection that is used at once must answer; `false` leaves the verdict out.", "1"},
		"expect.idle":     {"`false` leaves out the verdict on the silent connection.", ""},
		"expect.timeout":  {"A connection that was silent for exactly so long must still answer (verdict `idle`).", ""},
		"from":            {"The shortest silence that is tried.", "'1s'"},
		"payload":         {"What a connection is used with.", ""},
		"precision":       {"How closely the timeout is to be known: `at_most` - `at_least`.", ""},
		"to":              {"The longest silence that is tried.", "'1h'"},
	},
	"ping": {
		"addresses":        {"`'all'` pings each address of the name, one after the other, with the tag `ip`.", "'one'"},
		"expect.answered":  {"Of the addresses that were reached, those that must answer with a status below 305.", "1"},
		"expect.connected": {"Of the addresses that were asked, those that must be reached.", "1"},
		"headers":          {"Headers that are sent with the request.", ""},
		"ip":               {"Connects to this address in place of what the URL's host resolves to; the Host header and the TLS server name stay.", ""},
		"method":           {"The method of the request.", "'GET'"},
		"source":           {"The local address, of the target's version of IP.", ""},
		"tags":             {"Added to the tags of the metrics.", ""},
		"timeout":          {"Bounds the whole ping, name resolution included.", "'10s'"},
	},
	"tcpPing": {
		"addresses":        {"`'all'` pings each address of the name, one after the other, with the tag `ip`.", "'one'"},
		"expect.connected": {"Of the addresses that were asked, those that must be reached.", "1"},
		"source":           {"The local address, of the target's version of IP.", ""},
		"tags":             {"Added to the tags of the metrics.", ""},
		"timeout":          {"Bounds the whole ping, name resolution included.", "'5s'"},
	},
	"sockets": {
		"expect.close":       {"The most sockets in state CLOSED.", ""},
		"expect.close_wait":  {"The most sockets in state CLOSE-WAIT.", ""},
		"expect.closing":     {"The most sockets in state CLOSING.", ""},
		"expect.established": {"The most sockets in state ESTABLISHED.", ""},
		"expect.fin_wait1":   {"The most sockets in state FIN-WAIT-1.", ""},
		"expect.fin_wait2":   {"The most sockets in state FIN-WAIT-2.", ""},
		"expect.last_ack":    {"The most sockets in state LAST-ACK.", ""},
		"expect.listen":      {"The most sockets in state LISTEN.", ""},
		"expect.syn_recv":    {"The most sockets in state SYN-RECEIVED.", ""},
		"expect.syn_sent":    {"The most sockets in state SYN-SENT.", ""},
		"expect.time_wait":   {"The most sockets in state TIME-WAIT.", ""},
		"expect.total":       {"The most sockets in all states together.", ""},
		"expect.within":      {"How long to wait for the table to be as expected.", ""},
		"peer":               {"Sockets whose other end that is: `'10.0.0.1:80'`, `'[2001:db8::1]:80'`, `'10.0.0.1'` or `':80'`.", ""},
		"pid":                {"Sockets of this process.", ""},
		"port":               {"Sockets with this local port.", ""},
		"remote":             {"`'http://host:port'`: the sockets of the host on which `mconnect-server -http` listens there, narrowed down by `port`, `pid` and `peer`.", ""},
		"tags":               {"Added to the tags of the metrics.", ""},
	},
	"preflight": {
		"connections": {"How many connections are open at once.", "1"},
		"rate":        {"Connects a second, if another machine answers them: how many processors does that take here?", ""},
		"source":      {"Source addresses, as flood() takes them; up to 32 of them are tried, whether they belong to this host.", ""},
		"sourcePorts": {"Fixed source ports, as flood() takes them.", ""},
		"targets":     {"How many different targets.", "1"},
	},
}
