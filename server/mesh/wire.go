package mesh

import (
	"time"
)

// A Server is what /v1/peers tells, field by field as pingmesh does.
type Server struct {
	Start      time.Time
	SrvLoc     string
	SrvHost    string
	SrvPort    int
	Peers      []Peer
	Requests   int64 // that the mesh has answered
	NumActive  int
	NumDeleted int
	DelPeers   []Peer // the last 100 that were given up or deleted
}

// A Peer is one that a Server pings.
type Peer struct {
	URL        string `json:"Url"`
	Host       string
	Limit      int // pings until it is given up; 0 is no limit
	Delay      int // seconds from ping to ping
	Maxfail    int
	Location   string
	PeerIP     string // that overrides DNS, or, with Resolved, that was pinged last
	Resolved   bool   `json:",omitzero"` // PeerIP is what DNS said; pingmesh does not tell
	FirstPing  time.Time
	LatestPing time.Time
	Pings      int // that were answered
	Fails      int
	PingTotals PingTotals
}

// PingTotals are sums over all pings that were answered, in nanoseconds and bytes, and what the last one met.
type PingTotals struct {
	Start    time.Time
	DNSLk    time.Duration `json:"DnsLk"`
	TCPHs    time.Duration `json:"TcpHs"`
	TLSHs    time.Duration `json:"TlsHs"`
	Reply    time.Duration
	Close    time.Duration
	Total    time.Duration
	DestURL  string `json:"DestUrl"`
	Location string
	Remote   string
	RespCode int
	Size     int64
}

// Metrics are what /v1/metrics tells.
type Metrics struct {
	AppStart   time.Time
	NumPeers   int // ever
	NumActive  int
	NumDeleted int
	MemStats   MemStats
}

// MemStats are Go's, as pingmesh tells them.
type MemStats struct {
	Measured time.Time
	Active   uint64 // objects on the heap
	AllocMB  uint64 // of these, in MiB
	SystemMB uint64 // obtained from the system, in MiB
	NumGC    uint32
}

// server is the list as it is told.
func (m *Mesh) server() Server {
	gone, ended := m.list.gone()
	s := Server{
		Start: m.start.UTC().Truncate(time.Second), SrvLoc: m.options.Location, SrvHost: m.options.Hostname,
		SrvPort: m.options.Port, Requests: m.requests.Load(), NumDeleted: ended,
		Peers: wirePeers(m.list.all()), DelPeers: wirePeers(gone),
	}
	s.NumActive = len(s.Peers)
	return s
}

func wirePeers(peers []*peer) []Peer {
	told := make([]Peer, len(peers))
	for i, p := range peers {
		told[i] = p.wire()
	}
	return told
}

func (p *peer) wire() Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &p.figures
	w := Peer{
		URL: p.URL, Host: p.host(), Limit: p.Limit, Delay: int((p.Delay + time.Second - 1) / time.Second), Maxfail: max(p.MaxFail, 0),
		Location: p.location, FirstPing: f.first.UTC().Truncate(time.Second), LatestPing: f.latest.UTC().Truncate(time.Second),
		Pings: f.pings, Fails: f.fails,
	}
	switch {
	case p.IP.IsValid():
		w.PeerIP = p.IP.String()
	case f.remote.IsValid():
		w.PeerIP, w.Resolved = f.remote.String(), true
	}
	w.PingTotals = PingTotals{
		Start: f.sums.Start.UTC(), DNSLk: f.sums.DNS, TCPHs: f.sums.Connect, TLSHs: f.sums.TLS, Reply: f.sums.FirstByte,
		Close: f.sums.LastByte, Total: f.sums.Total, DestURL: p.URL, Location: p.location, RespCode: f.sums.Status, Size: f.sums.Size,
	}
	if remote := f.sums.RemoteAddr; remote.IsValid() {
		w.PingTotals.Remote = remote.Addr().String()
	}
	return w
}
