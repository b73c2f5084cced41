//go:build !linux

package limits

func systemChecks(Need) []Check { return nil }

// Conntrack has no connection table to tell of on this system.
func Conntrack() (count, most uint64, ok bool) { return 0, 0, false }

// EphemeralPorts knows the range on Linux only.
func EphemeralPorts() (first, last uint16, ok bool) { return 0, 0, false }

func availableMemory() (n uint64, ok bool) { return 0, false }
