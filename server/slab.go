package server

// slab keeps the descriptors of a loop's connections under small keys, at 8 bytes each.
type slab struct {
	places shelf[place]
	free   uint32 // first free key + 1
	used   uint32 // keys ever given
}

type place struct {
	fd   int32  // -1 where free
	next uint32 // the free key after this one, + 1
}

// take gives a descriptor its key.
func (s *slab) take(fd int) uint32 {
	if s.free != 0 {
		key := s.free - 1
		p := s.places.at(key)
		s.free = p.next
		*p = place{fd: int32(fd)} // #nosec G115 -- descriptors are 32 bits wide
		return key
	}
	key := s.used
	s.used++
	s.places.makeRoom(key)
	*s.places.at(key) = place{fd: int32(fd)} // #nosec G115 -- descriptors are 32 bits wide
	return key
}

// give frees a key.
func (s *slab) give(key uint32) {
	*s.places.at(key) = place{fd: -1, next: s.free}
	s.free = key + 1
}

// fd is the descriptor under a key in use, or -1.
func (s *slab) fd(key uint32) int { return int(s.places.at(key).fd) }

const chunkSize = 1024

// shelf keeps something for each key. It grows by chunks, so that growing copies nothing and leaves no garbage.
type shelf[T any] []*[chunkSize]T

// at returns the place of a key, which must have been made.
func (s shelf[T]) at(key uint32) *T { return &s[key/chunkSize][key%chunkSize] }

func (s *shelf[T]) makeRoom(key uint32) {
	for int(key/chunkSize) >= len(*s) {
		*s = append(*s, new([chunkSize]T))
	}
}
