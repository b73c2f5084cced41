package ping

// Phase is a part of a ping.
type Phase uint8

// The phases in their order. Each begins when the one before ends.
const (
	PhaseNone Phase = iota
	PhaseDNS
	PhaseConnect
	PhaseTLS
	PhaseFirstByte
	PhaseLastByte
	phaseCount
)

var phaseNames = [phaseCount]string{"", "dns", "connect", "tls", "first_byte", "last_byte"}

// String is the name of the phase in results and metrics; "" for PhaseNone.
func (p Phase) String() string { return phaseNames[p] }

// MarshalText implements encoding.TextMarshaler.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// doing says in words what fails in each phase.
var doing = [phaseCount]string{
	PhaseDNS:       "name resolution",
	PhaseConnect:   "TCP connect",
	PhaseTLS:       "TLS handshake",
	PhaseFirstByte: "waiting for the answer's first byte",
	PhaseLastByte:  "reading the answer",
}
