package server

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of what HTTP clients may send.
const (
	httpHeader = 16 << 10
	httpBody   = 16 << 20
)

// httpCounters are those of the HTTP listener; the embedded ones are not in the tally, which is the responder's.
type httpCounters struct {
	counters
	active, pending, served atomic.Int64
}

// httpService serves each of its endpoints under its path, and the slow listener under all others.
type httpService struct {
	server    *Server
	listener  net.Listener
	http      http.Server
	endpoints map[string]http.Handler
	mesh      Mesh // nil if there is none
	slow      *slowListener

	stopping chan struct{} // closed when accepting ends
	once     sync.Once
	accepter sync.WaitGroup
	conns    sync.WaitGroup
	tasks    sync.WaitGroup
	ending   context.Context // done when the connections that are left end
	end      context.CancelFunc
}

// openHTTP opens the HTTP listener, if asked for, and serves it.
func (s *Server) openHTTP() error {
	if s.options.HTTP == "" {
		return nil
	}
	config := net.ListenConfig{} // with keep-alive probes: a client may be silent for the whole delay
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), "tcp", s.options.HTTP)
	if err != nil {
		return &ListenError{"HTTP", s.options.HTTP, err}
	}
	s.httpAddr = addrPort(listener.Addr())
	peers, err := s.startMesh()
	if err != nil {
		_ = listener.Close()
		return err
	}
	s.services = append(s.services, startHTTP(s, listener, peers))
	s.log.Info("HTTP on; http://"+s.httpAddr.String()+"/", "address", s.httpAddr.String(),
		"delay", s.options.HTTPDelay.String(), "timeout", s.options.HTTPTimeout.String())
	return nil
}

func startHTTP(s *Server, listener net.Listener, peers Mesh) service {
	h := &httpService{server: s, listener: listener, mesh: peers, stopping: make(chan struct{})}
	h.ending, h.end = context.WithCancel(context.Background())
	h.slow = newSlowListener(h)
	h.endpoints = map[string]http.Handler{
		"/metrics": readOnly(metricsHandler(s, peers)),
		"/sockets": readOnly(newSocketsHandler(s.options.HTTPTimeout)),
	}
	maps.Copy(h.endpoints, s.options.Endpoints)
	h.http = http.Server{
		Handler: h,
		// Not ReadTimeout and WriteTimeout, which would count the slow listener's delay: limit sets both for each request.
		ReadHeaderTimeout: s.options.HTTPTimeout,
		IdleTimeout:       s.options.HTTPTimeout,
		MaxHeaderBytes:    httpHeader,
		ConnState:         h.track,
		ConnContext:       withGuest,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong is not worth a line each
	}
	h.accepter.Go(func() {
		err := h.http.Serve((*httpAccepter)(h))
		if !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("HTTP ended", "error", err)
		}
	})
	h.tasks.Go(h.slow.report)
	return h
}

// ServeHTTP implements http.Handler.
func (h *httpService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serving(r.Context())
	endpoint, ok := h.endpoints[r.URL.Path]
	if !ok && h.ofMesh(r.URL.Path) {
		endpoint, ok = h.mesh, true
	}
	if !ok {
		h.slow.ServeHTTP(w, r)
		return
	}
	h.limit(w)
	endpoint.ServeHTTP(w, r)
}

// limit gives the client time to send the rest of its request, and then as long again to take the answer.
func (h *httpService) limit(w http.ResponseWriter) {
	control, now, timeout := http.NewResponseController(w), time.Now(), h.server.options.HTTPTimeout
	_ = control.SetReadDeadline(now.Add(timeout))
	_ = control.SetWriteDeadline(now.Add(2 * timeout))
}

// track counts connections, and lets those without a request wait in the lobby.
func (h *httpService) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		h.conns.Add(1)
		h.server.http.accepted.Add(1)
		h.server.http.active.Add(1)
	case http.StateClosed:
		h.server.http.active.Add(-1)
		h.conns.Done()
	case http.StateIdle:
		if g, ok := conn.(*guest); ok {
			g.lobby.enter(g)
		}
	default: // goes on
	}
}

// drain lets requests finish, and closes connections that have none.
func (h *httpService) drain() {
	h.once.Do(func() {
		if h.mesh != nil {
			h.tasks.Go(h.mesh.Stop)
		}
		close(h.stopping)
		_ = h.listener.Close()
		h.accepter.Wait()
		h.tasks.Go(func() { _ = h.http.Shutdown(h.ending) })
	})
}

func (h *httpService) close() {
	h.drain()
	h.end()
	_ = h.http.Close()
	h.conns.Wait()
	h.tasks.Wait()
}

// httpAccepter is the service's listener, whose clients have to pass the gate.
type httpAccepter httpService

// Accept implements net.Listener. It fails only when the listener is closed.
func (a *httpAccepter) Accept() (net.Conn, error) {
	s := a.server
	for {
		conn, err := a.listener.Accept()
		switch {
		case err == nil:
			if s.enter() {
				return s.lobby.admit(conn, s.gate.leave), nil
			}
			s.refused(&s.http.counters)
			_ = conn.Close()
		case errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		default:
			s.short(err)
			select {
			case <-time.After(acceptRest):
			case <-a.stopping:
			}
		}
	}
}

// Close implements net.Listener.
func (a *httpAccepter) Close() error { return a.listener.Close() }

// Addr implements net.Listener.
func (a *httpAccepter) Addr() net.Addr { return a.listener.Addr() }

// readOnly answers any method but GET and HEAD with 405.
func readOnly(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed here: use GET or HEAD", http.StatusMethodNotAllowed)
			return
		}
		handler.ServeHTTP(w, r)
	})
}
