package server

// slab keeps the descriptors of a loop's connections under small keys. It grows by chunks, so that growing copies
// nothing and a connection costs 8 bytes.
type slab struct {
	chunks []*[chunkSize]place
	free   uint32 // first free key + 1
	used   uint32 // keys ever given
}

const chunkSize = 1024

type place struct {
	fd   int32  // -1 where free
	next uint32 // the free key after this one, + 1
}

// take gives a descriptor its key.
func (s *slab) take(fd int) uint32 {
	if s.free != 0 {
		key := s.free - 1
		p := s.at(key)
		s.free = p.next
		*p = place{fd: int32(fd)} // #nosec G115 -- descriptors are 32 bits wide
		return key
	}
	key := s.used
	if key%chunkSize == 0 {
		s.chunks = append(s.chunks, new([chunkSize]place))
	}
	s.used++
	*s.at(key) = place{fd: int32(fd)} // #nosec G115 -- descriptors are 32 bits wide
	return key
}

// give frees a key.
func (s *slab) give(key uint32) {
	*s.at(key) = place{fd: -1, next: s.free}
	s.free = key + 1
}

// fd is the descriptor under a key in use, or -1.
func (s *slab) fd(key uint32) int { return int(s.at(key).fd) }

func (s *slab) at(key uint32) *place { return &s.chunks[key/chunkSize][key%chunkSize] }
