package rules

// unasked knows the peers that speak although they owe no answer. One that greets, or whose answer comes in parts, does so for a moment; of one
// that goes on, nobody can tell whether what it says after a question is the answer.
type unasked struct {
	pause int64 // what comes within it belongs to what came before
	last  map[uint32]spoken
}

// spoken is when a peer spoke last, with or without having been asked, and how often it has begun to without, less the answers that came
// without such a word since the one before.
type spoken struct {
	at    int64
	times int
	since bool // it has begun to speak unasked since its last answer
}

const (
	// mostUnasked is how often a peer may begin to speak without having been asked: late greetings and datagrams that come twice do, too.
	mostUnasked = 2
	// pausePart is which part of the interval between questions separates what a peer says.
	pausePart = 4
)

// speaks takes note of what a peer says that owes no answer. It reports whether it has done so too often. begun is when the peer had its first
// occasion to speak.
func (u *unasked) speaks(key uint32, begun, now int64) (tooOften bool) {
	last, has := u.last[key]
	if !has {
		last.at = begun
	}
	if now-last.at > u.pause {
		last = spoken{now, last.times + 1, true}
		u.last[key] = last
	}
	return last.times > mostUnasked
}

// answers takes note of an answer, the rest of which may still come. One that nothing else came with can be told: a peer that says something by
// itself from time to time, over hours, does not go on.
func (u *unasked) answers(key uint32, now int64) {
	last, has := u.last[key]
	switch {
	case !has:
		return
	case !last.since:
		last.times--
	}
	if last.times == 0 {
		delete(u.last, key)
		return
	}
	u.last[key] = spoken{at: now, times: last.times}
}
