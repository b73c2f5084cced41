//go:build !linux

package limits

// PacketDriver tells that there is none on this system.
func PacketDriver() []Check {
	return []Check{presence("packet driver", 0, "it needs Linux; use driver 'sockets'")}
}
