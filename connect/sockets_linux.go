package connect

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/epoll"
)

// sockets are the event loops of an engine.
type sockets struct{ loops epoll.Loops }

func (s *sockets) newRunner(j *engine.Job, rules engine.NewRules) engine.Runner {
	return epoll.NewRunner(&s.loops, j, rules)
}
