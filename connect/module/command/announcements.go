package command

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/changes"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// announcements takes word over HTTP that the backends change now, while a call runs. Other programs change them, which can't call change().
type announcements struct {
	changes.Log
	address string // to listen at; "" is nowhere
}

func (a *announcements) addFlags(to *pflag.FlagSet) {
	to.StringVar(&a.address, "changes", "", "listen at this address for changes of the backends, which excuse losses: POST /change?text=restart&hosts=web-1&within=10s")
}

// listen takes announcements until end is called.
func (a *announcements) listen(ctx context.Context) (end func(), err error) {
	if a.address == "" {
		return func() {}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.address)
	if err != nil {
		return nil, fmt.Errorf("--changes: got %s; want an address of this machine that is free, such as 127.0.0.1:8099: %w", quote.Text(a.address, 100), err)
	}
	paths := http.NewServeMux()
	paths.Handle("/change", &a.Log)
	server := &http.Server{Handler: paths, ReadTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	return func() {
		_ = server.Close()
		<-served
	}, nil
}
