package frames

// Open attaches to an interface, over AF_XDP.
func Open(o Options) (Device, error) {
	return openXDP(o)
}
