package connect

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"

// conn is a connection from its socket to its end. It has no pointers, so that the garbage collector never looks at it.
type conn struct {
	claim
	connect   int64 // loop time when it was established
	pinged    int64 // loop time when an answer was asked for that has not come; 0 if there is none
	sent      int64
	received  int64
	info      socket.Info
	fd        int32
	flow      uint32 // of traffic: what outlives the connection
	connected bool
	inLane    bool // counts against the concurrency
}

const chunkSize = 1 << 10

// slab keeps the connections of a part. A connection's key is its place. It grows by chunks, which never move.
type slab struct {
	chunks []*[chunkSize]conn
	free   []uint32
	used   uint32 // places ever used
}

func (s *slab) at(key uint32) *conn { return &s.chunks[key/chunkSize][key%chunkSize] }

// open returns the number of connections in the slab.
func (s *slab) open() int { return int(s.used) - len(s.free) }

func (s *slab) put(c conn) (key uint32) {
	if n := len(s.free); n > 0 {
		key, s.free = s.free[n-1], s.free[:n-1]
	} else {
		key = s.used
		s.used++
		if int(key/chunkSize) == len(s.chunks) {
			s.chunks = append(s.chunks, new([chunkSize]conn))
		}
	}
	*s.at(key) = c
	return key
}

func (s *slab) remove(key uint32) { s.free = append(s.free, key) }
