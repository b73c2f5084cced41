package loop

// seen keeps account of the time up to which all events have been fetched.
type seen struct {
	upTo    int64
	asked   int64 // when the kernel was asked last
	watched int   // descriptors

	mark int64 // the time up to which events are being fetched while more wait than one fetch takes
	left int   // so many events later all from before that have been fetched, since epoll hands them out in turn; 0 if there is no mark
}

// fetched notes that n events were there since the kernel was asked; below 0 that it could not say.
func (s *seen) fetched(n int) {
	switch {
	case n < 0:
		return
	case n < maxEvents:
		s.upTo, s.left = s.asked, 0
		return
	case s.left <= 0:
		s.mark, s.left = s.asked, max(s.watched, n)
	}
	if s.left -= n; s.left <= 0 {
		s.upTo = s.mark
	}
}
