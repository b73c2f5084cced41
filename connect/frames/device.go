package frames

// Queue sends and receives frames. One goroutine at a time sends, and one receives.
type Queue interface {
	// Buffer returns room for a frame of the interface, nil if there is none until some have left: see Flush.
	Buffer() []byte
	// Commit queues what was written into the last Buffer, so many bytes of it.
	Commit(n int)
	// Flush sends what is queued, as far as the interface takes it. The rest goes with the next Flush.
	Flush()
	// Pending reports whether frames are queued.
	Pending() bool
	// Receive hands over the frames that have arrived, each valid until take returns, and returns how many; no more than have arrived by the
	// call.
	Receive(take func(frame []byte)) (n int)
	// Descriptors are readable when frames have arrived.
	Descriptors() []int
}

// Device is an interface, and sends and receives on all of its queues as on one. Either the device is used, or its queues, each by
// goroutines of its own; see Split.
type Device interface {
	Queue
	// Queues are the interface's receive queues, each with a way to send.
	Queues() []Queue
	// Take adds a filter. It must be left as often as it was taken.
	Take(f *Filter) error
	// Leave takes a filter back.
	Leave(f *Filter)
	// Lost is how many frames have arrived and found no room.
	Lost() uint64
	// Name is how the frames travel, for logs, such as "AF_XDP, generic mode".
	Name() string
	// Close detaches the device.
	Close() error
}

// Options are what a device is opened with.
type Options struct {
	Index     int  // of the interface
	AnyRemote bool // filters name no remote addresses
	Virtual   bool // see IsVirtual
	Way       Way
}

// Way is how frames travel.
type Way uint8

const (
	// AnyWay is XDP, or Packet where an interface or a kernel does not have that.
	AnyWay Way = iota
	// XDP is AF_XDP, the faster one. The interface's XDP hook must be free.
	XDP
	// Packet is AF_PACKET, with a tcx filter (Linux 6.6 and later). It leaves the interface as it is: some network cards lose their link for
	// seconds when an XDP program is attached.
	Packet
)
