package module

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// listen is listen(options) of the JS API: the companion server's responder or echo in this process. One that was started in
// setup() stays until the test ends, one of a VU's function until its iteration does.
func (i *instance) listen(opts sobek.Value) *sobek.Object {
	state := i.vu.State()
	if state == nil {
		i.throw("listen", fmt.Errorf("listen() %w", errInitContext))
	}
	o, err := options.ParseListen(i.exported(opts))
	if err != nil {
		i.throw("listen", err)
	}
	if o.TLS {
		if o.Server.TLS, err = serverTLS(o); err != nil {
			i.throw("listen", fmt.Errorf("listen(): %w", err))
		}
	}
	if o.Echo {
		o.Server.Address, o.Server.Echo = "", o.Server.Address
	}
	if o.Server.HTTP != "" {
		o.Server.MeshPage = true
		o.Server.Endpoints = map[string]http.Handler{"/change": &i.root.changes}
		o.Server.Mesh = func(listening netip.AddrPort) (server.Mesh, error) { return startMesh(o.Server.Hostname, listening) }
	}
	responder, err := server.Start(o.Server)
	if err != nil {
		i.throw("listen", listenError(err))
	}
	if !inSetup(state) {
		i.closeAtEnd(responder)
	}
	object := i.vu.Runtime().NewObject()
	_ = object.Set("address", addressOf(responder, o).String())
	if http := responder.HTTPAddr(); http.IsValid() {
		_ = object.Set("http", "http://"+http.String())
	}
	_ = object.Set("close", func() *sobek.Promise { return i.closeResponder(responder) })
	return object
}

// closeAtEnd closes a responder with the iteration. k6 waits until its addresses are free, which the next one may listen on.
func (i *instance) closeAtEnd(responder *server.Server) {
	release := i.delayEnd()
	context.AfterFunc(i.vu.Context(), func() {
		responder.CloseListeners()
		release()
		responder.Close()
	})
}

// closeResponder frees the addresses before it returns. Connections to clients that don't read take longer, which the promise tells.
func (i *instance) closeResponder(responder *server.Server) *sobek.Promise {
	responder.CloseListeners()
	return i.async("listen", func() (result, error) {
		responder.Close()
		return nothing{}, nil
	})
}

// addressOf is where clients find the responder, or the echo.
func addressOf(responder *server.Server, o *options.Listen) netip.AddrPort {
	switch {
	case o.Echo:
		return responder.EchoAddr()
	case o.Server.NoTCP:
		return responder.UDPAddr()
	}
	return responder.Addr()
}

// startMesh makes a responder a part of a mesh that knows nobody yet.
func startMesh(hostname string, listening netip.AddrPort) (server.Mesh, error) {
	if hostname == "" {
		hostname, _ = os.Hostname()
	}
	m, err := mesh.Start(mesh.Options{Location: hostname, Hostname: hostname, Port: int(listening.Port())})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// listenError tells the server's errors in terms of the script's options.
func listenError(err error) error {
	if wrong, ok := errors.AsType[*server.OptionError](err); ok {
		return fmt.Errorf("listen(): option %q: got %s; %s", optionName(wrong.Option), quote.Text(wrong.Value, 100), quote.Middle(wrong.Reason, 400))
	}
	if taken, ok := errors.AsType[*server.ListenError](err); ok {
		err = &server.ListenError{Option: fmt.Sprintf("option %q", optionName(taken.Option)), Address: taken.Address, Err: taken.Err}
	}
	return failure{fmt.Errorf("listen(): %w", quote.Shorten(err, 600))}
}

// optionName is how a script calls a field of the server's options.
func optionName(field string) string {
	switch field {
	case "HTTP":
		return "http"
	case "Echo":
		return "address" // which the script has given it
	}
	return strings.ToLower(field[:1]) + field[1:]
}
