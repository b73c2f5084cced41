package server

import (
	"container/list"
	"context"
	"net"
	"sync"
)

// A lobby has the HTTP connections on which no request is being served: those that are new, have sent a part of a request, or are idle.
// Whoever opens connections and is silent, or slow, fills it, so when there is no room for another, the one that has been in it longest
// is closed. A client that sends its request at once is not in it for long.
type lobby struct {
	mu     sync.Mutex
	guests list.List // of *guest, the longest in it first
}

// A guest is a connection that is in the lobby, or has been.
type guest struct {
	net.Conn
	lobby  *lobby
	place  *list.Element // nil while it is not in the lobby; under its lock
	closed bool          // likewise
	leave  func()
}

// admit takes a new connection in. leave is called once it is closed.
func (l *lobby) admit(conn net.Conn, leave func()) *guest {
	g := &guest{Conn: conn, lobby: l, leave: leave}
	l.enter(g)
	return g
}

// enter lets a connection wait for its next request.
func (l *lobby) enter(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.place == nil && !g.closed {
		g.place = l.guests.PushBack(g)
	}
}

// exit takes a connection out.
func (l *lobby) exit(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(g)
}

func (l *lobby) remove(g *guest) {
	if g.place != nil {
		l.guests.Remove(g.place)
		g.place = nil
	}
}

// drop closes the connection that has been in the lobby longest. It returns false if there is none.
func (l *lobby) drop() bool {
	l.mu.Lock()
	oldest := l.guests.Front()
	if oldest == nil {
		l.mu.Unlock()
		return false
	}
	g := oldest.Value.(*guest) //nolint:forcetypeassert // only guests are in it
	l.remove(g)
	l.mu.Unlock()
	_ = g.Close()
	return true
}

// size is how many are in it.
func (l *lobby) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.guests.Len()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	err := g.Conn.Close()
	g.lobby.mu.Lock()
	g.lobby.remove(g)
	first := !g.closed
	g.closed = true
	g.lobby.mu.Unlock()
	if first {
		g.leave()
	}
	return err //nolint:wrapcheck // as it is
}

// CloseWrite lets package http end an answer before the client has sent all of its request.
func (g *guest) CloseWrite() error {
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() //nolint:wrapcheck // as it is
	}
	return nil
}

type guestKey struct{}

// withGuest is an http.Server's ConnContext, so that a request tells its connection.
func withGuest(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// serving takes the connection of a request out of the lobby.
func serving(request context.Context) {
	if g, ok := request.Value(guestKey{}).(*guest); ok {
		g.lobby.exit(g)
	}
}
