package connect

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// TrafficResult is what has become of the connections of a traffic call. As JSON, durations are in nanoseconds.
//
// Connections + Reconnects = Lost + Lasting + the connections that were never established, where a redialled connection is a new one,
// and Sent = Received + the packets that were lost with their connections, or on the way (UDP).
type TrafficResult struct {
	Network        string        `json:"network"`
	Targets        []string      `json:"targets"`
	Rate           float64       `json:"rate"`        // KB/s in total that were asked for; 0 is as fast as possible
	PacketSize     int           `json:"packet_size"` // bytes
	Connections    int64         `json:"connections"` // asked for at once
	Lost           int64         `json:"lost"`        // died under traffic
	Lasting        int64         `json:"lasting"`     // alive at the end
	Reconnects     int64         `json:"reconnects"`  // connections that were established in place of lost ones
	FailedConnects int64         `json:"failed_connects"`
	Moved          int64         `json:"moved"`       // flows that another host went on to answer (UDP)
	Sent           int64         `json:"sent"`        // packets
	Received       int64         `json:"received"`    // packets
	Dropped        int64         `json:"dropped"`     // packets that could not be sent in their slot, as an echo was late
	Retransmits    int64         `json:"retransmits"` // TCP segments that the kernel sent again
	StartTime      time.Time     `json:"start_time"`
	Timeout        time.Duration `json:"timeout"`
	Duration       time.Duration `json:"duration"`
	States         States        `json:"states"` // of all connections that were dialled, again and again

	ConnectTime    stats.Summary `json:"connect_time"`
	ErrorTime      stats.Summary `json:"error_time"`
	RTT            stats.Summary `json:"rtt"` // kernel's handshake round trip, where it has one
	SYNRetransmits int64         `json:"syn_retransmits"`

	LostByHost    Hosts            `json:"lost_by_host"`
	LastingByHost Hosts            `json:"lasting_by_host"`
	RoundTrip     stats.Summary    `json:"round_trip"` // of packets, from the instant each was due
	RoundTrips    []stats.Bucket   `json:"round_trips"`
	Errors        map[Class]int64  `json:"errors"` // why connects failed and connections were lost
	First         map[Class]string `json:"first_errors"`

	// FirstLoss and LastLoss are when the first and the last connection was lost, Recovered when all connections were up again after
	// the last loss, and each had got an echo; all since the start, and nil if that did not happen.
	FirstLoss *time.Duration `json:"first_loss"`
	LastLoss  *time.Duration `json:"last_loss"`
	Recovered *time.Duration `json:"recovered"`

	Samples []TrafficSample `json:"samples"` // one for each second
	Records []TrafficRecord `json:"records"` // at most MaxTrafficRecords
	Omitted int64           `json:"records_omitted"`
}

// TrafficSample is what happened in one second.
type TrafficSample struct {
	Time       time.Duration `json:"time"`       // the second's end, since the start
	Active     int64         `json:"active"`     // connections established at its end
	Connecting int64         `json:"connecting"` // dialling, or waiting to, at its end
	New        int64         `json:"new"`        // established during it
	Lost       int64         `json:"lost"`       // during it
	Sent       int64         `json:"sent"`       // packets during it
	Received   int64         `json:"received"`   // packets during it
	Dropped    int64         `json:"dropped"`    // packets during it
}

// MaxTrafficRecords bounds how many connections' records a result keeps.
const MaxTrafficRecords = 100_000

// TrafficRecord is the life of one connection. Times are since the call's start.
type TrafficRecord struct {
	Started     time.Duration  `json:"started"`   // dialling
	Connected   time.Duration  `json:"connected"` // 0 if it never was
	Answered    time.Duration  `json:"answered"`  // the first echo; 0 if none has come
	Ended       time.Duration  `json:"ended"`
	Error       Class          `json:"error"` // "" if it lasted to the end
	Sent        int64          `json:"sent"`
	Received    int64          `json:"received"`
	Dropped     int64          `json:"dropped"`
	Retransmits int64          `json:"retransmits"`
	Local       netip.AddrPort `json:"local"`
	Remote      netip.AddrPort `json:"remote"`
	Host        string         `json:"host"`
}
