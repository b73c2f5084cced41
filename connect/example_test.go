package connect_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// A thousand connections that are kept open, and asked for a sign of life every ten seconds.
func ExampleEngine_Hold() {
	responder, err := server.Start(server.Options{Address: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer responder.Close()

	var engine connect.Engine
	held, err := engine.Hold(context.Background(), connect.HoldPlan{
		Plan: connect.Plan{
			Targets:     []connect.Target{{Name: "responder", Addr: responder.Addr()}},
			Connections: 1000,
		},
		Keepalive: 10 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-held.Settled()
	fmt.Println(held.States().Established, "established")
	result := held.Close()
	fmt.Println(result.States.Completed, "closed by us,", result.States.Closed, "by the peer")
	// Output:
	// 1000 established
	// 1000 closed by us, 0 by the peer
}

// A responder, flooded from 16 addresses of this machine.
func Example() {
	responder, err := server.Start(server.Options{Address: "127.0.0.1:0", Hostname: "web-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer responder.Close()

	target, err := connect.ResolveTarget(responder.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	clients, err := source.ParsePool("127.10.0.1-127.10.0.16")
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := connect.Flood(context.Background(), connect.FloodPlan{Plan: connect.Plan{
		Targets:     []connect.Target{target},
		Connections: 1000,
		Timeout:     time.Minute,
		Sources:     source.Sequence{Pool: clients},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Hosts, result.FailedConnects, result.FailedReads, result.SourcesUsed)
	// Output: map[web-1:1000] 0 0 16
}
