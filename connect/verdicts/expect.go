package verdicts

import "time"

// The names of the verdicts.
const (
	Complete  = "complete"
	Connected = "connected"
	Answered  = "answered"
	Kept      = "kept"
	Recovered = "recovered"
	Intact    = "intact"
	Hosts     = "hosts"
	Balance   = "balance"
	Moved     = "moved"
	Affinity  = "affinity"
	Source    = "source"
	Loss      = "loss"
	Recovery  = "recovery"
	Capacity  = "capacity"
	Idle      = "idle"
	Prompt    = "prompt"
	Sockets   = "sockets"
	Ran       = "ran"
)

// Names are the names of all verdicts.
var Names = []string{Complete, Connected, Answered, Kept, Recovered, Intact, Hosts, Balance, Moved, Affinity, Source, Loss, Recovery, Capacity, Idle, Prompt, Sockets, Ran}

// Expect is what must hold besides the defaults. The zero value expects no more than these.
type Expect struct {
	Off    map[string]bool    `json:"off,omitempty"`    // verdicts that are left out
	Shares map[string]float64 `json:"shares,omitempty"` // the least share of Complete, Connected, Answered and Kept that must hold; 1 if missing

	Hosts     map[string]float64 `json:"hosts,omitempty"`     // who must answer, and the share that each is due in relation to the others; 0 must not answer
	Balance   float64            `json:"balance,omitempty"`   // the least p-value of the shares; 0 expects nothing
	Tolerance float64            `json:"tolerance,omitempty"` // by how much of its due a host's share may be off, whatever the p-value
	Affinity  bool               `json:"affinity,omitempty"`
	Source    bool               `json:"source,omitempty"`

	Retransmits float64       `json:"retransmits,omitempty"`  // the largest share of connects that may take more than one SYN; DefaultRetransmits unless HasRetransmits
	ConnectTime time.Duration `json:"connect_time,omitempty"` // the longest p(99) of the connects; 0 expects nothing
	ReplyTime   time.Duration `json:"reply_time,omitempty"`   // the longest p(99) of the answers; 0 expects nothing

	Loss        float64       `json:"loss,omitempty"` // the largest share of packets that may be lost, if HasLoss
	Recovery    time.Duration `json:"recovery,omitempty"`
	Connections int64         `json:"connections,omitempty"` // that a target must hold
	IdleTimeout time.Duration `json:"idle_timeout,omitempty"`
	Moved       float64       `json:"moved,omitempty"` // the largest share of flows beyond the ideal that may move; DefaultMoved unless HasMoved

	NoSYN          bool `json:"no_syn,omitempty"` // the protocol has none: Prompt is about answers alone
	HasRetransmits bool `json:"has_retransmits,omitempty"`
	HasLoss        bool `json:"has_loss,omitempty"`
	HasMoved       bool `json:"has_moved,omitempty"`
}

// Defaults of an Expect.
const (
	DefaultRetransmits = 0.01
	DefaultBalance     = 0.001
	DefaultMoved       = 0.05
)

// share is the least share that must hold.
func (e *Expect) share(verdict string) float64 {
	if least, given := e.Shares[verdict]; given {
		return least
	}
	return 1
}
