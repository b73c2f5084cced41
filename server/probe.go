package server

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the probe, far above what a kubelet does.
const (
	probeTimeout = 5 * time.Second
	probeHeader  = 8 << 10
)

// probe is the Kubernetes liveness probe, with a malfunction on request.
type probe struct {
	name   string
	broken atomic.Bool
	server http.Server
	serve  sync.WaitGroup
}

// openProbe opens the probe, if asked for, and serves it.
func (s *Server) openProbe() error {
	if s.options.Probe == "" {
		return nil
	}
	config := net.ListenConfig{}
	listener, err := config.Listen(context.Background(), "tcp", s.options.Probe)
	if err != nil {
		return &ListenError{"Probe", s.options.Probe, err}
	}
	s.probe = addrPort(listener.Addr())
	s.services = append(s.services, startProbe(s, listener))
	s.log.Info("K8s Liveness on; http://"+s.probe.String()+"/healthz", "address", s.probe.String())
	return nil
}

func startProbe(s *Server, listener net.Listener) service {
	p := &probe{name: s.options.Hostname}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.healthz) // and HEAD
	p.server = http.Server{
		Handler:           mux,
		ReadHeaderTimeout: probeTimeout,
		ReadTimeout:       probeTimeout,
		WriteTimeout:      probeTimeout,
		MaxHeaderBytes:    probeHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong is not worth a line each
	}
	p.server.SetKeepAlivesEnabled(false) // a probe asks once
	p.serve.Go(func() {
		if err := p.server.Serve(&probeListener{Listener: listener, room: probeConnections()}); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("K8s Liveness ended", "error", err)
		}
	})
	return p
}

// A probeListener turns nobody away: without room, the client that has been there longest has to go. No connection leaves its lobby
// before it is closed, as an answer takes no time.
type probeListener struct {
	net.Listener
	lobby lobby
	room  int
}

// Accept implements net.Listener.
func (l *probeListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			l.lobby.drop() // there may be no descriptor left; package http tries again
		}
		return nil, err //nolint:wrapcheck // package http tells errors apart
	}
	if l.lobby.size() >= l.room {
		l.lobby.drop()
	}
	return l.lobby.admit(conn, func() {}), nil
}

// healthz tells name and caller. X-Malfunction makes this and all later answers a 500 ("yes") or a 200 (anything else).
func (p *probe) healthz(w http.ResponseWriter, r *http.Request) {
	if values := r.Header.Values("X-Malfunction"); len(values) > 0 {
		p.broken.Store(values[0] == "yes")
	}
	if p.broken.Load() {
		http.Error(w, "malfunction on request (X-Malfunction: yes)", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, p.name+","+r.RemoteAddr) // #nosec G705 -- plain text, of the system's own making
}

// drain does nothing: a server that drains is alive.
func (p *probe) drain() {}

func (p *probe) close() {
	_ = p.server.Close()
	p.serve.Wait()
}
