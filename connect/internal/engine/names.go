package engine

// OtherHosts stands for all host names beyond the first MaxHosts.
const (
	OtherHosts = "(other)"
	MaxHosts   = 10_000
)

// UnknownHost stands for servers that have not told their names, where a name is needed.
const UnknownHost = "(unknown)"

// Names keeps one copy of each host name. A hostile server could answer with a new name each time, so it keeps only the first MaxHosts.
type Names map[string]string

// Intern returns the copy of a name.
func (n Names) Intern(name []byte) string {
	if kept, ok := n[string(name)]; ok {
		return kept
	}
	if len(n) >= MaxHosts {
		return OtherHosts
	}
	kept := string(name)
	n[kept] = kept
	return kept
}
