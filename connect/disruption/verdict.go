package disruption

// Verdict says how many flows a change of the backends has moved, and how many it had to move.
//
// Moved = Inevitable + Claimed + Needless.
type Verdict struct {
	Model    Model    `json:"model"`
	Backends []string `json:"backends"` // all of them, before and after the change, in order
	Removed  []string `json:"removed"`
	Added    []string `json:"added"`

	Flows      int64   `json:"flows"`       // 5-tuples that were answered both before and after the change
	Moved      int64   `json:"moved"`       // those of Flows that another host answered afterwards
	MovedShare float64 `json:"moved_share"` // Moved / Flows
	IdealShare float64 `json:"ideal_share"` // the part of Flows that the model expects to move
	Excess     float64 `json:"excess"`      // MovedShare - IdealShare: above 0, the load balancer is worse than its model

	Inevitable int64 `json:"inevitable"` // moved because their host was removed
	Claimed    int64 `json:"claimed"`    // moved from a host that stayed to one that was added
	Needless   int64 `json:"needless"`   // moved from a host that stayed to another that was there before, or should be gone

	Stale int64 `json:"stale"` // of Flows: still answered by a host that was removed
	Lost  int64 `json:"lost"`  // not in Flows: answered before, but not after the change
	Found int64 `json:"found"` // not in Flows: answered after, but not before the change

	From map[string]int64 `json:"from"` // moved flows by the host that answered before
	To   map[string]int64 `json:"to"`   // moved flows by the host that answered after
}

// Model is a way to choose a backend for a flow. It decides how many flows a change has to move.
type Model string

// The models.
const (
	Maglev    Model = "maglev"    // stateless consistent hashing
	ECMP      Model = "ecmp"      // hash-threshold
	Resilient Model = "resilient" // hash buckets that keep their backend, as in Linux's resilient nexthop groups
	Stateful  Model = "stateful"  // connection tracking
)
