package sockets

// Table is how many TCP sockets there are in each state (RFC 9293, section 3.3.2), and in total.
type Table struct {
	Established int64 `json:"established"`
	SynSent     int64 `json:"syn_sent"`
	SynRecv     int64 `json:"syn_recv"` // with those that Linux calls NEW_SYN_RECV
	FinWait1    int64 `json:"fin_wait1"`
	FinWait2    int64 `json:"fin_wait2"`
	TimeWait    int64 `json:"time_wait"`
	Close       int64 `json:"close"`
	CloseWait   int64 `json:"close_wait"`
	LastAck     int64 `json:"last_ack"`
	Listen      int64 `json:"listen"`
	Closing     int64 `json:"closing"`
	Total       int64 `json:"total"`

	// AcceptQueue is how many connections wait to be accepted, Backlog how many may: the sums over the sockets in Listen.
	// Both are nil unless Query.Queue asks for them.
	AcceptQueue *int64 `json:"accept_queue,omitempty"`
	Backlog     *int64 `json:"backlog,omitempty"`

	// FDs is how many file descriptors the process has open, FDLimit how many it may have (RLIMIT_NOFILE). The process is
	// that of Query.PID, else the only one that listens on Query.Port. Both are nil where there is none, or its owner hides it.
	FDs     *int64 `json:"fds,omitempty"`
	FDLimit *int64 `json:"fd_limit,omitempty"`
}

// States are the numbers of sockets by state, and the total, by the names that they have in JSON.
func (t *Table) States() map[string]int64 {
	return map[string]int64{
		"established": t.Established, "syn_sent": t.SynSent, "syn_recv": t.SynRecv, "fin_wait1": t.FinWait1, "fin_wait2": t.FinWait2,
		"time_wait": t.TimeWait, "close": t.Close, "close_wait": t.CloseWait, "last_ack": t.LastAck, "listen": t.Listen, "closing": t.Closing, "total": t.Total,
	}
}
